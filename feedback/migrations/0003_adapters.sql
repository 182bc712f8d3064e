-- An adapter's state is derived from the promotions. `position` is the order in which they were decided.
CREATE TABLE adapters (
    adapter_id VARCHAR PRIMARY KEY,
    line VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    base_id VARCHAR NOT NULL,
    base_hash VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    rank BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    dataset_hash VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (line, version),
    UNIQUE (line, content_hash)
);

CREATE TABLE promotions (
    promotion_id VARCHAR PRIMARY KEY,
    position BIGINT NOT NULL UNIQUE,
    line VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    adapter_id VARCHAR NOT NULL,
    incumbent_id VARCHAR NOT NULL,
    decided_by VARCHAR NOT NULL,
    decided_at TIMESTAMP NOT NULL,
    reason VARCHAR NOT NULL,
    report_hash VARCHAR
);
