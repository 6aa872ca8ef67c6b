# SPDX-License-Identifier: BSD-3-Clause
"""TLS 1.3 as dpdk-streamd speaks it, over a socket, with the key of this user's state folder.

Both sides of it can be closed by themselves, which Python's own sockets cannot do.
"""
import io
import os
import socket
import ssl
import subprocess
import tempfile


def key_file():
    if os.geteuid() == 0:
        folder = "/var/lib"
    else:
        folder = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(folder, "dpdk-streamd", "identity.pem")


def make_context(is_server):
    """Shows our key, and takes any: who is trusted is what the other side is asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with tempfile.NamedTemporaryFile(suffix=".pem") as certificate:
        subprocess.run(["openssl", "req", "-x509", "-key", key_file(), "-subj", "/CN=peer",
                        "-days", "2", "-out", certificate.name], check=True)
        context.load_cert_chain(certificate.name, key_file())
    return context


class Stream(io.RawIOBase):
    def __init__(self, tls):
        super().__init__()
        self.tls = tls

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, room):
        data = self.tls.recv(len(room))
        room[:len(data)] = data
        return len(data)

    def write(self, data):
        self.tls.sendall(data)
        return len(data)


class TlsSocket:
    """What the peers of the tests use of a socket."""

    contexts = {}

    def __init__(self, connection, is_server=False):
        if is_server not in self.contexts:
            self.contexts[is_server] = make_context(is_server)
        self.socket = connection
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.contexts[is_server].wrap_bio(self.incoming, self.outgoing, is_server)
        self.pump(self.tls.do_handshake)

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.socket.sendall(data)

    def pump(self, action):
        while True:
            try:
                result = action()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.socket.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()
            except ssl.SSLError as error:
                self.flush()
                raise ConnectionResetError(str(error)) from error

    def sendall(self, data):
        data = bytes(data)
        if data:
            self.pump(lambda: self.tls.write(data))

    def recv(self, room):
        def read():
            try:
                return self.tls.read(room)
            except ssl.SSLZeroReturnError:
                return b""
        return self.pump(read)

    def shutdown(self, how):
        if how == socket.SHUT_WR:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass  # it would wait for the other side's goodbye
            self.flush()
        self.socket.shutdown(how)

    def makefile(self, mode):
        stream = Stream(self)
        return io.BufferedReader(stream) if mode == "rb" else io.BufferedRWPair(stream, stream)

    def settimeout(self, seconds):
        self.socket.settimeout(seconds)

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()
