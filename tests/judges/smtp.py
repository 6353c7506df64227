"""A mail server on the loopback: smtp.py FOLDER USER PASSWORD

Prints the ports as JSON when it listens: `starttls` (TLS and a login wanted), `tls` (TLS from the first byte, a login wanted),
`plain` (neither offered). The certificate is server.pem with server.key in FOLDER. Each mail goes to FOLDER/0.eml and so on, and
its envelope, a line of JSON, to FOLDER/mails.jsonl. reject@… is answered 550, later@… 451, and over one megabyte 552.
"""

import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

FOLDER, USER, PASSWORD = sys.argv[1:]
mails = 0


class Handler:
    def __init__(self, port):
        self.port = port

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("reject@"):
            return "550 5.1.1 no such user"
        if address.startswith("later@"):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        global mails
        with open(os.path.join(FOLDER, f"{mails}.eml"), "wb") as file:
            file.write(envelope.original_content)
        told = {
            "port": self.port,
            "tls": self.port == "tls" or session.ssl is not None,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "bytes": len(envelope.original_content),
            "options": envelope.mail_options,
        }
        with open(os.path.join(FOLDER, "mails.jsonl"), "a") as file:
            file.write(json.dumps(told) + "\n")
        mails += 1
        return "250 2.0.0 taken"


def login(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=right)


async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{FOLDER}/server.pem", f"{FOLDER}/server.key")
    guarded = {"authenticator": login, "auth_required": True}
    settings = {
        "starttls": {"tls_context": tls, "require_starttls": True, **guarded},
        # aiosmtpd does not see a TLS that was there before it.
        "tls": {"auth_require_tls": False, **guarded},
        "plain": {},
    }
    ports = {}
    loop = asyncio.get_running_loop()
    for name, given in settings.items():

        def session(name=name, given=given):
            return SMTP(
                Handler(name),
                hostname="localhost",
                data_size_limit=1_000_000,
                loop=loop,
                **given,
            )

        server = await loop.create_server(
            session, "127.0.0.1", 0, ssl=tls if name == "tls" else None
        )
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
