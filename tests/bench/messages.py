"""The synthetic messages that the measurements send: a laboratory result of nine segments."""

from __future__ import annotations

_ORU = r"""MSH|^~\&|LIS|WARDLAB|WARDWIRE|WARDHOSP|20261122083000+0100||ORU^R01^ORU_R01|B{number:07d}|P|2.5.1||||||UNICODE UTF-8
PID|1||B{patient:06d}^^^WARDHOSP&2.16.840.1.113883.19.5.1&ISO^MR||Bench^Patient{patient}^Q||19700101|F|||1 Example Street^^Exampleton^^12345||555-0100
PV1|1|I|W4^401^1^WARDHOSP||||1234^Example^Attending^^^Dr
ORC|RE|P{number:07d}^EHR^2.16.840.1.113883.19.5.3^ISO|F{number:07d}^LIS^2.16.840.1.113883.19.5.2^ISO||CM||||20261122070000+0100
OBR|1|P{number:07d}^EHR^2.16.840.1.113883.19.5.3^ISO|F{number:07d}^LIS^2.16.840.1.113883.19.5.2^ISO|24323-8^Comprehensive metabolic 2000 panel^LN|||20261122071500+0100|||||||||1234^Example^Attending||||||20261122082500+0100||CH|F
OBX|1|NM|2951-2^Sodium [Moles/volume] in Serum or Plasma^LN||{sodium}|mmol/L^^UCUM|136-145|N|||F|||20261122071500+0100
OBX|2|NM|2823-3^Potassium [Moles/volume] in Serum or Plasma^LN||{potassium:.2f}|mmol/L^^UCUM|3.5-5.1|N|||F|||20261122071500+0100
OBX|3|NM|2160-0^Creatinine [Mass/volume] in Serum or Plasma^LN||0.90|mg/dL^^UCUM|0.50-0.90|N|||F|||20261122071500+0100
SPM|1|S{number:07d}&LIS^S{number:07d}&LIS||119297000^Blood specimen^SCT|||||||||||||20261122071500+0100|20261122074500+0100
""".replace("\n", "\r")


def oru(number: int, *, patients: int = 500) -> bytes:
    """A result of its own: other order numbers, values and one of so many patients for each number."""
    return _ORU.format(
        number=number,
        patient=number % patients,
        sodium=136 + number % 10,
        potassium=3.5 + number % 17 / 10,
    ).encode()


def orus(count: int) -> list[bytes]:
    """So many results, all different."""
    return [oru(number) for number in range(count)]
