"""Mail servers: the only code that speaks a wire protocol.

``open_source`` opens a mailbox, ``probe`` tests the way to it, ``list_folders`` and ``peek_certificate`` look around.
"""

from postmaster.sources.base import Deletions, Endpoint, MailSource, RemoteMail
from postmaster.sources.certificate import CertificateFacts
from postmaster.sources.dial import peek_certificate
from postmaster.sources.open import list_folders, open_source
from postmaster.sources.probe import ProbeStage, probe

__all__ = [
    "CertificateFacts",
    "Deletions",
    "Endpoint",
    "MailSource",
    "ProbeStage",
    "RemoteMail",
    "list_folders",
    "open_source",
    "peek_certificate",
    "probe",
]
