"""Peak memory of five training steps of one student: run by `students.py`, prints JSON.

    python benchmarks/student_memory.py CASE VARIANT

Linux only: the high-water mark is reset through ``/proc/self/clear_refs``.
"""

import json
import sys
from pathlib import Path

from measuring import use_one_thread
from student_cases import CASES, Stepper

_N_STEPS = 5


def main() -> None:
    """Take one step to settle, then five that are measured."""
    name, variant = sys.argv[1:]
    use_one_thread()
    case = next(case for case in CASES if case.name == name)
    Stepper(CASES[0], variant).step()  # loads what torch loads at its first training step
    before = resident("VmRSS")
    stepper = Stepper(case, variant)
    stepper.step()
    print(json.dumps([peak_of_step(stepper) - before for _ in range(_N_STEPS)]))


def peak_of_step(stepper: Stepper) -> int:
    """Take one step and read the largest resident set meanwhile, bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    stepper.step()
    return resident("VmHWM")


def resident(field: str) -> int:
    """Read the resident set of this process or its high-water mark, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    main()
