from autokd.search.proposal import Proposal


def test_a_proposal_begins_the_record_of_its_trial() -> None:
    record = Proposal({"kd.method": "kd"}, {}, {}, origin="front of runs/x, trial 3").record(
        7, 1, seed=5, at_s=2.5
    )
    assert (record.slot, record.attempt, record.seed, record.began_s) == (7, 1, 5, 2.5)
    assert (record.point, record.outcome) == ({"kd.method": "kd"}, "running")
    assert record.origin == "front of runs/x, trial 3"
