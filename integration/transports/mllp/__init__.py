"""HL7 v2 over MLLP: `framing` cuts bytes without IO, `listener` owns the sockets; neither reads a message."""
