-- Times are UTC without a zone. Columns are named like the words' fields; `sampling` and `reasons` hold JSON.
CREATE TABLE conversations (
    conversation_id VARCHAR PRIMARY KEY,
    user_id VARCHAR NOT NULL,
    line VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX conversations_of_user ON conversations (user_id);

CREATE TABLE messages (
    message_id VARCHAR PRIMARY KEY,
    conversation_id VARCHAR NOT NULL,
    parent_id VARCHAR,
    role VARCHAR NOT NULL,
    content VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    adapter_id VARCHAR,
    prompt_version VARCHAR,
    sampling VARCHAR NOT NULL,
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    first_token_ms DOUBLE,
    latency_ms DOUBLE,
    finish_reason VARCHAR
);
CREATE INDEX messages_of_conversation ON messages (conversation_id);

CREATE TABLE feedback (
    feedback_id VARCHAR PRIMARY KEY,
    kind VARCHAR NOT NULL,
    message_id VARCHAR NOT NULL,
    other_message_id VARCHAR,
    user_id VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    source VARCHAR NOT NULL,
    thumb VARCHAR,
    stars INTEGER,
    winner VARCHAR,
    correction VARCHAR,
    comment VARCHAR,
    reasons VARCHAR NOT NULL,
    supersedes VARCHAR,
    withdrawn BOOLEAN NOT NULL
);
CREATE INDEX feedback_about_message ON feedback (message_id);
