"""Receivers of the tests of `lazaret outputs`: what they take is in FILE, a line each, before they say so.

receiver.py webhook PORT FILE SECRET        Standard Webhooks, checked by its own library
receiver.py mail PORT FILE CERT KEY MODE    SMTP by aiosmtpd; MODE is starttls, tls or none
"""

import email
import email.policy
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def keep(path, row):
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def webhook(port, path, secret):
    from standardwebhooks.webhooks import Webhook

    checker = Webhook(secret)

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                notice = checker.verify(body, dict(self.headers))
            except Exception as why:
                print(f"refused: {why}", flush=True)
                status = 400
            else:
                repeat = self.headers.get("lazaret-repeat") == "maybe"
                assert notice["id"] == self.headers["webhook-id"]
                keep(path, {"id": notice["id"], "repeat": repeat, "notice": notice})
                status = 204
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()


def mail(port, path, certificate, key, mode):
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    class Receiver:
        async def handle_DATA(self, server, session, envelope):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            row = {
                "id": message["X-Lazaret-Id"],
                "message_id": message["Message-ID"],
                "repeat": message["X-Lazaret-Repeat"] == "maybe",
                "headers": sorted(set(message.keys())),
                "subject": message["Subject"],
                "to": envelope.rcpt_tos,
                "tls": session.ssl is not None or mode == "tls",
                "text": message.get_content(),
                "defects": [str(defect) for defect in message.defects],
            }
            keep(path, row)
            return "250 taken"

    class Server(Controller):
        def factory(self):
            more = {"tls_context": context, "require_starttls": True} if mode == "starttls" else {}
            return SMTP(self.handler, hostname="localhost", **more)

    Server(
        Receiver(), hostname="127.0.0.1", port=port, ssl_context=context if mode == "tls" else None
    ).start()
    threading.Event().wait()


if __name__ == "__main__":
    kind, port, path, *more = sys.argv[1:]
    {"webhook": webhook, "mail": mail}[kind](int(port), path, *more)
