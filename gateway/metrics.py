"""Counters and gauges, prefix `ceg_`, no ids in labels, in one registry of our own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
MESSAGES = Counter("ceg_messages_total", "Messages taken, by sender, act and result", ["member", "act", "result"], registry=REGISTRY)
REFUSED = Counter("ceg_refused_total", "Requests refused before they were authentic, by code", ["code"], registry=REGISTRY)
REQUEST_SECONDS = Histogram("ceg_request_seconds", "Time to answer a message", registry=REGISTRY)
BATCH_CHANGES = Gauge("ceg_batch_changes", "Changes per commit, on average since start", registry=REGISTRY)
LOG_SIZE = Gauge("ceg_log_tree_size", "Leaves in the transfer log", registry=REGISTRY)
LOG_FINAL = Gauge("ceg_log_final_size", "Leaves under the newest checkpoint that a quorum has cosigned", registry=REGISTRY)
LOG_STOPPED = Gauge("ceg_log_stopped", "1 while a witness contradicts the log and it takes no leaf", registry=REGISTRY)
WITNESSED = Counter(
    "ceg_witness_offers_total", "Checkpoints offered, by member and result: cosigned, behind, declined, silent", ["member", "result"],
    registry=REGISTRY,
)  # fmt: skip
TRANSFERS = Gauge("ceg_transfers", "Transfers by state", ["state"], registry=REGISTRY)
OWED = Gauge("ceg_owed_messages", "Messages owed, by member and state", ["member", "state"], registry=REGISTRY)
DEAD_LETTERS = Gauge("ceg_dead_letters", "Dead letters, by member", ["member"], registry=REGISTRY)
CONTESTED = Gauge("ceg_contested_outcomes", "Contested outcomes: waiting for the ruling, or for a recall after it", registry=REGISTRY)
HANDOVER_UNSIGNED = Gauge(
    "ceg_handover_unsigned", "1 while the presiding unit's turn has begun without both units' signatures", registry=REGISTRY
)
STATEMENTS = Gauge("ceg_statements", "Statements by state: issued, signed, disputed", ["state"], registry=REGISTRY)
REVIEWS = Gauge(
    "ceg_reviews", "Rule versions and catalogue entries whose review date is near or has passed", ["what", "state"], registry=REGISTRY
)
CANARIES = Gauge("ceg_canary_wrong", "1 where the newest canary of a pair failed or is late", ["source", "accepting"], registry=REGISTRY)
CANARY_SECONDS = Gauge("ceg_canary_seconds", "Time the newest settled canary of a pair took", ["source", "accepting"], registry=REGISTRY)
FILE_MESSAGES = Counter(
    "ceg_file_messages_total", "Messages found in folders, by member and result", ["member", "result"], registry=REGISTRY
)
FILES_INCOMPLETE = Gauge("ceg_files_incomplete", "Messages whose files have been missing for too long", ["member"], registry=REGISTRY)
DEADLINES = Counter(
    "ceg_deadlines_total", "Deadlines by state and by what was done: warned, passed, rescheduled", ["state", "what"], registry=REGISTRY
)
CLOCKS_APART = Gauge(
    "ceg_clocks_apart_seconds", "How far wall clock and monotonic clock have drifted apart since the start", registry=REGISTRY
)
DIFFERENCES = Gauge("ceg_differences", "What a member and the gateway do not agree on now, by kind", ["member", "kind"], registry=REGISTRY)
DIFFERENCES_FOUND = Counter(
    "ceg_differences_found_total", "Differences found by state digests, by member and kind", ["member", "kind"], registry=REGISTRY
)
ALARMS = Counter(
    "ceg_alarms_total", "Lines of the log that somebody has to act on, by event and member", ["event", "member"], registry=REGISTRY
)
BUILD = Gauge("ceg_build_info", "Version of this program", ["version"], registry=REGISTRY)
