import sqlite3
from contextlib import closing
from pathlib import Path

from autokd.runs.ledger import Ledger
from autokd.runs.record import Record
from autokd.study import Objective

OBJECTIVES = (Objective(metric="top1", direction="maximize", reference=0.2),)


def test_a_search_appends_to_a_log_and_leaves_one_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    with closing(Ledger(url, "s", objectives=OBJECTIVES, keeps_connection=True)) as writer:
        writer.begin(Record(0, 0, 1, {}), params={}, distributions={})
        assert (tmp_path / "study.db-wal").exists()
        assert [record.slot for record in Ledger(url, "s").records()] == [0]
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]
    assert [record.slot for record in Ledger(url, "s").records()] == [0]


def test_a_search_can_end_while_somebody_reads(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    writer = Ledger(url, "s", objectives=OBJECTIVES, keeps_connection=True)
    writer.begin(Record(0, 0, 1, {}), params={}, distributions={})
    with closing(sqlite3.connect(tmp_path / "study.db")) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM trials").fetchone() == (1,)
        writer.close()
    assert [record.slot for record in Ledger(url, "s").records()] == [0]
