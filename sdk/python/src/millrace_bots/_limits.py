"""Every bound of the SDK, with its unit and its reason."""

from typing import Final

#: How long an emit waits for room under the policy ``block``.
BLOCK_SECONDS: Final = 10.0
#: What is not acknowledged yet, with a spool: more than half an hour of 100 events a second.
SPOOL_BYTES: Final = 256 * 1024 * 1024
#: The same without a spool: all of it is held in memory, and lost with the process.
MEMORY_BYTES: Final = 32 * 1024 * 1024
#: Events held in memory besides the spool; what comes on top is read back from there.
WINDOW_BYTES: Final = 16 * 1024 * 1024
#: A file of the spool; acknowledged events leave the disk a file at a time.
SEGMENT_BYTES: Final = 8 * 1024 * 1024
#: Files with damaged bytes that stay in the folder, each no larger than a file of the spool; the newest.
DAMAGED_FILES: Final = 8
#: Events taken from the outbox before deliveries are looked at again.
BATCH_EVENTS: Final = 500
#: Events buffered and not taken before who emits them lets the other thread run, and for how long at most.
TURN_EVENTS: Final = 1_000
TURN_SECONDS: Final = 0.01
#: Events handed to the Kafka client and not acknowledged.
IN_FLIGHT_EVENTS: Final = 10_000
#: First pause after a failure, in seconds; doubles up to ``RETRY_MAX_SECONDS``.
RETRY_SECONDS: Final = 0.1
RETRY_MAX_SECONDS: Final = 2.0
#: Between two writings of what is acknowledged: after a crash this much is sent again, and known by its numbers.
CHECKPOINT_SECONDS: Final = 0.2
#: Between two records that say what was acknowledged (sdk/README.md).
SENT_EVERY_SECONDS: Final = 10.0
#: ``flush`` and ``close`` wait no longer without being told to.
FLUSH_SECONDS: Final = 30.0
#: A request to the registry.
REQUEST_SECONDS: Final = 5.0
#: The first question to the cluster, before it is asked again.
METADATA_SECONDS: Final = 2.0
#: What is under way at the end of ``close`` is waited for no longer.
CLOSE_SECONDS: Final = 6.0
