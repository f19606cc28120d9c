"""Methods that train a second network beside the student."""

from autokd.methods.common import temperature, weight
from autokd.methods.method import Method, Needs

__all__ = ["ONLINE"]

_DML = Method(
    name="dml",
    parameters=(weight("weight", 1.0, "weight of the peers' divergences"), temperature(1.0)),
    source="Zhang et al. 2018, arXiv:1706.00384, section 2; the peer has the student's "
    "architecture",
    implementation="autokd.distill.losses.dml:Dml",
    needs=Needs(teacher=False),
    cost="a second student: twice the time and memory of training",
)

_SOKD = Method(
    name="sokd",
    parameters=(
        weight("bridge_weight", 1.0, "weight of the bridge as the student's teacher"),
        weight("student_weight", 1.0, "weight of the student as the bridge's teacher"),
        weight("teacher_weight", 1.0, "weight of the teacher as the bridge's teacher"),
        temperature(),
    ),
    source="Liu et al. 2021, arXiv:2111.11747; the authors' bridge is the teacher's last stage",
    implementation="autokd.distill.losses.sokd:Sokd",
    needs=Needs(features=True),
    cost="stored maps or a live teacher, and a trained bridge on the last but one map",
)

ONLINE = (_DML, _SOKD)
"""Every method of this group."""
