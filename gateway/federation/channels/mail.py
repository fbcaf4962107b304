"""The door to mail: one message to one address by SMTP, on a thread of its own.  Nothing personal is ever in it."""

import asyncio
import smtplib
from dataclasses import dataclass
from email.message import EmailMessage


@dataclass(frozen=True, slots=True)
class Mailer:
    """A relay of one's own.  `starttls` asks for encryption and takes no for an answer of failure."""

    host: str
    port: int
    sender: str
    starttls: bool
    timeout_s: float

    async def send(self, to: str, subject: str, text: str) -> bool:
        """Whether the relay took it."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, to, subject
        message.set_content(text)
        return await asyncio.to_thread(self._send, message)

    def _send(self, message: EmailMessage) -> bool:
        try:
            with smtplib.SMTP(self.host, self.port, timeout=self.timeout_s) as relay:
                if self.starttls:
                    relay.starttls()
                return not relay.send_message(message)
        except (OSError, smtplib.SMTPException):
            return False
