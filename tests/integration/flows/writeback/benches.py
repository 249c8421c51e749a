"""Messages in, a FHIR server in memory at the other end, and between them everything as in life but the engine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from integration import telemetry
from integration.errors import WardwireError
from integration.flows.deliver import DeliveryFlow, Patience
from integration.flows.writeback.courier import FhirCourier
from integration.flows.writeback.shipment import Loader
from integration.settings import Settings
from integration.states import DeliveryState
from integration.store.counterparts import Counterparts
from integration.store.delivery_records import DeliveryFilter, StoredDelivery
from integration.store.migrations.upgrade import upgrade
from integration.store.records import Arrival, StoredMessage
from integration.wiring import stores, workers
from integration.wiring.fhir_destinations import terms_of
from mappers.fhir import r4
from mappers.fhir.result_bundle import Entry
from tests.integration.store.conftest import Clock
from tests.support.fhir_store import Store

Node = dict[str, Any]

PATIENTS = "urn:oid:1.2.3.1"
ORDERS = "urn:oid:1.2.3.2"
MESSAGE = (
    "MSH|^~\\&|LIS|LAB|W|HOSP|20261122{hour}0000+0100||ORU^R01|{id}|P|2.5.1\r"
    "PID|1||{patient}^^^HOSP&1.2.3.1&ISO^MR||Rossi^Giulia\r"
    "ORC|RE|{order}^EHR^1.2.3.2^ISO|F-1^LIS^1.2.3.3^ISO\r"
    "OBR|1|{order}^EHR^1.2.3.2^ISO|F-1^LIS^1.2.3.3^ISO|24323-8^Panel^LN|||20261122060000+0100"
    "|||||||||||||||20261122{hour}0000+0100||CH|{status}\r"
    "OBX|1|NM|2823-3^Potassium^LN||{value}|mmol/L^^UCUM|3.5-5.1||||{status}\r"
    "OBX|2|NM|2951-2^Sodium^LN||139|mmol/L^^UCUM|136-145||||{status}\r"
)


class Bench:
    """A Wardwire with one FHIR destination, and others `beside` it."""

    def __init__(self, folder: Path, *, beside: dict[str, Any] | None = None, **agreed: Any) -> None:
        others = beside or {}
        wanted = {"patient_assigners": [PATIENTS], "order_assigners": [ORDERS], **agreed}
        self.settings = Settings(
            store={"url": f"sqlite:///{folder / 'store.sqlite'}"},
            channels={"lab": {"destinations": ["ehr", *others]}},
            destinations={
                "ehr": {"kind": "fhir", "fhir": {"base": "https://ehr.example/fhir"}, **wanted},
                **others,
            },
        )
        self.clock = Clock()
        self.ehr = Store()
        self.store = stores.open_store(self.settings)
        upgrade(self.store.database)
        metrics = telemetry.metrics(CollectorRegistry())
        self.flow = workers.build_flow(self.settings, self.store, metrics)
        self.proven = False
        self.courier = FhirCourier(
            server=self.ehr.server(),
            terms=terms_of("ehr", self.settings.destinations["ehr"]),
            loader=Loader(self.store.database, self.store.results),
            memory=Counterparts(self.store.database, "ehr", self.clock),
            drafts_proven=lambda: self.proven,
        )
        self.deliveries = DeliveryFlow(
            outbox=self.store.outbox,
            couriers={"ehr": self.courier},
            patience={"ehr": Patience(rejections=3, give_up=timedelta(days=3650))},
            clock=stores.now,
        )

    def admit(self, **more: Any) -> None:
        """The patient and the order are known at the destination."""
        patient = self.ehr.put("Patient", "p9", identifier=[{"system": PATIENTS, "value": "17"}], **more)
        self.ehr.put(
            "ServiceRequest",
            "o9",
            identifier=[{"system": ORDERS, "value": "P-1"}],
            subject={"reference": patient},
        )

    def receive(self, control_id: str = "M1", *, raw: bytes | None = None, **parts: str) -> StoredMessage:
        """A message comes in and is processed."""
        values = {"patient": "17", "order": "P-1", "status": "F", "value": "5.90", "hour": "12"} | parts
        arrival = Arrival(
            channel="lab", peer="p", raw=raw or MESSAGE.format(id=control_id, **values).encode(),
            received_at=stores.now(), control_id=control_id, trigger="ORU^R01", order_key="patient-17",
        )  # fmt: skip
        message_id = self.store.inbox.submit(arrival).result(30).message_id
        assert self.flow.process(message_id) is None
        return self.store.inbox.load(message_id)

    def deliver(self, *, attempts: int = 1) -> list[StoredDelivery]:
        """Attempts at everything that waits, in order; all deliveries, oldest first."""
        for _ in range(attempts):
            for each in self.all():
                waits = each.state in {DeliveryState.PENDING, DeliveryState.RETRYING}
                # As the engine does: what is retried holds back the later ones of its order key.
                if waits and self._attempt(each) is DeliveryState.RETRYING:
                    break
        return self.all()

    def _attempt(self, delivery: StoredDelivery) -> DeliveryState:
        # Pauses are the delivery flow's business, and tested there.
        self.deliveries._quiet_until.clear()
        found = self.store.outbox.find(delivery.id)
        outcome = None
        try:
            outcome = self.deliveries._attempt(found)
        except WardwireError as error:
            outcome = self.deliveries._failure(found, error)
        assert outcome is not None
        return self.store.outbox.settle(found, outcome).result(30).state

    def all(self) -> list[StoredDelivery]:
        """All deliveries, oldest first."""
        return sorted(self.store.outbox.list(DeliveryFilter()), key=lambda each: each.seq)

    def stored(self, kind: str) -> list[Node]:
        """All current resources of a type in our own store."""
        query = "SELECT id FROM resource_version WHERE current AND type = ? ORDER BY seq"
        with self.store.database.read() as connection:
            keys = [row.id for row in connection.exec_driver_sql(query, (kind,))]
            return [r4.decode(self.store.results.read(connection, kind, key).content) for key in keys]

    def write(self, message: StoredMessage, *resources: Node, draft: bool | None = None) -> None:
        """Store resources; with `draft`, send them as a review or a reader does."""
        sending = self.flow.sending
        assert sending is not None
        leaving = () if draft is None else sending.prepare_resources(message, resources, draft=draft)

        def work(connection: Any) -> None:
            now = stores.now()
            entries = [Entry(each) for each in resources]
            outcomes = self.store.results.write(connection, entries, message_id=message.id, now=now)
            sending.add(connection, message, leaving, outcomes=outcomes, now=now)

        self.store.database.write(work).result(30)

    def close(self) -> None:
        """Let go of the store."""
        self.store.database.close()
