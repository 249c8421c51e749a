"""Messages and answers for the clients' tests."""


def order(control_id, patient="P1"):
    """An ORU that is as short as may be."""
    return (
        f"MSH|^~\\&|LAB|H|WARD|H|20261122083000||ORU^R01^ORU_R01|{control_id}|P|2.5.1\r"
        f"PID|1||{patient}^^^H^MR\r"
    ).encode()


def ack(control_id, code="AA"):
    """An acknowledgement."""
    return f"MSH|^~\\&|WARD|H|LAB|H|20261122083001||ACK^R01^ACK|R{control_id}|P|2.5.1\rMSA|{code}|{control_id}\r".encode()
