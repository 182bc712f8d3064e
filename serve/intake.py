"""Taking a run's adapter in: checked, copied under the name it keeps for ever, stored, loaded and warm."""

import asyncio
import errno
import shutil
from datetime import datetime
from pathlib import Path

from anyio import to_thread

from feedback.adapter_files import CONFIG_NAME, TENSORS_NAME, AdapterFiles, inspect_adapter
from feedback.errors import Conflict, Corrupt, Invalid, NotFound, StorageFull
from feedback.manifest import publish, read_json, sync, unfinished_sibling
from feedback.store import Store
from feedback.words import Adapter, RunManifest, adapter_name
from serve.decisions import require_line
from serve.lines import Lines
from serve.reconcile import Reconciler
from serve.settings import Settings


class Intake:
    """Takes adapters in, one at a time, so that the next version is known before the store gives it."""

    def __init__(self, settings: Settings, store: Store, lines: Lines, reconciler: Reconciler) -> None:
        self._settings = settings
        self._store = store
        self._lines = lines
        self._reconciler = reconciler
        self._lock = asyncio.Lock()

    async def take_in(self, run_id: str, line: str, at: datetime) -> tuple[Adapter, bool]:
        """The run's adapter, on every replica, and whether it is new; the same bytes are the same Adapter.

        NotFound, Invalid or Corrupt when the run isn't one this gateway can serve; NotReady or UpstreamFailed when it
        was taken in and vLLM can't or won't load it now (sending the same again goes on from there).
        """
        require_line(line, self._lines.served.heads)
        async with self._lock:
            adapter, new = await self._stored(run_id, line, at)
            self._lines.pin(adapter.adapter_id)
            try:
                await self._reconciler.make_ready(adapter.adapter_id)
            finally:
                self._lines.unpin(adapter.adapter_id)
            return adapter, new

    async def _stored(self, run_id: str, line: str, at: datetime) -> tuple[Adapter, bool]:
        manifest = await to_thread.run_sync(self._manifest, run_id, line)
        known = [one for one in self._lines.served.adapters.values() if one.line == line]
        for adapter in known:
            if adapter.content_hash == manifest.adapter_hash:
                return adapter, False
        version = max((one.version for one in known), default=0) + 1
        adapter = await to_thread.run_sync(self._copy, manifest, version, at)
        stored = await asyncio.wrap_future(
            self._store.add_adapter(line, lambda next_version: _as(adapter, next_version))
        )
        await self._lines.refresh()
        return stored, True

    def _manifest(self, run_id: str, line: str) -> RunManifest:
        """The run's manifest, which fits this gateway."""
        manifest = read_json(self._run_dir(run_id) / "run.json", RunManifest)
        settings = self._settings
        if manifest.run_id != run_id:
            raise Corrupt(f"the manifest in {self._run_dir(run_id)} is of {manifest.run_id}; the directory was copied")
        if manifest.line != line:
            raise Invalid(f"{run_id} was trained for line '{manifest.line}', not '{line}'")
        if (manifest.base_id, manifest.base_hash) != (settings.base_id, settings.base_hash):
            raise Invalid(
                f"{run_id} was trained on {manifest.base_id} ({manifest.base_hash[:8]}), this gateway serves "
                f"{settings.base_id} ({settings.base_hash[:8]}); train on that base, or serve the other one"
            )
        if manifest.rank > settings.max_rank:
            raise Invalid(
                f"{run_id} has rank {manifest.rank}, the limit is {settings.max_rank}; train with a lower one"
            )
        return manifest

    def _copy(self, manifest: RunManifest, version: int, at: datetime) -> Adapter:
        """The files are in `adapters/<name>`, whole and durable. A crash before that leaves nothing anyone reads."""
        name = adapter_name(manifest.base_id, manifest.line, version, manifest.adapter_hash)
        final = self._settings.home / "adapters" / name
        if final.exists():  # taken in by a process that died before it could store the row
            self._check(inspect_adapter(final), manifest)
        else:
            self._copy_files(self._run_dir(manifest.run_id) / "adapter", final, manifest)
        return Adapter(
            adapter_id=name,
            line=manifest.line,
            version=version,
            base_id=manifest.base_id,
            base_hash=manifest.base_hash,
            content_hash=manifest.adapter_hash,
            rank=manifest.rank,
            run_id=manifest.run_id,
            dataset_hash=manifest.dataset_hash,
            created_at=at,
        )

    def _copy_files(self, source: Path, final: Path, manifest: RunManifest) -> None:
        incoming = unfinished_sibling(final)
        try:
            for file in (CONFIG_NAME, TENSORS_NAME):
                _copy_file(source / file, incoming / file)
            self._check(inspect_adapter(incoming), manifest)
            publish(incoming, final)
        except OSError as failed:
            if failed.errno == errno.ENOSPC:
                raise StorageFull(
                    f"no room to take {manifest.run_id} in at {final.parent}; free some and send it again"
                ) from failed
            raise
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _check(self, files: AdapterFiles, manifest: RunManifest) -> None:
        if (files.content_hash, files.rank) != (manifest.adapter_hash, manifest.rank):
            raise Corrupt(
                f"the adapter of {manifest.run_id} has content {files.content_hash[:8]} and rank {files.rank}, its "
                f"manifest says {manifest.adapter_hash[:8]} and {manifest.rank}; train again"
            )

    def _run_dir(self, run_id: str) -> Path:
        return self._settings.home / "runs" / run_id


def _copy_file(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError as missing:
        raise NotFound(f"there is no {source}: the run is unfinished or its adapter was removed") from missing
    sync(target)


def _as(adapter: Adapter, version: int) -> Adapter:
    if adapter.version != version:
        raise Conflict(f"{adapter.adapter_id} should be version {version} of its line by now; send the request again")
    return adapter
