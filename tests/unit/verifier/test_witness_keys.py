"""A witness changed its key after a bundle was made: what the old one cosigned in its time counts, and nothing else of it."""

from support.evidence import AT, codes, court, retired_witness


def test_witness_key_when_changed_since_then_what_the_old_one_cosigned_in_its_time_still_counts() -> None:  # PR-372, EV-25
    given = court()
    size = given.bundle["log"]["size"]

    def rotated(until: int, log_until: int | None) -> set[str]:
        return codes(given.bundle, retired_witness(given.trust, "CN-31", until, log_until))

    assert rotated(AT + 1, size) == rotated(AT + 1, None) == set()
    assert rotated(AT, size) == {"evidence.not_final", "evidence.cosigners"}  # dated at the key's end
    assert rotated(AT + 1, size - 1) == {"evidence.not_final", "evidence.cosigners"}  # a longer log than it ever saw
