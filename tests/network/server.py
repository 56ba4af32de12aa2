"""An HTTP server with byte ranges, in its own network name space. It counts the bytes that its
clients have acknowledged, including headers.

It sends the file of its TUN device to its parent over the socket with the given number. Each line
on that socket is a command: `count` returns the bytes acknowledged so far, and `netem DELAY LOSS`
returns whether the kernel delays and drops packets. The server ends with the commands.
"""

import contextlib
import http.server
import os
import re
import socket
import struct
import sys
import threading

import line

# `tcpi_bytes_acked` in the kernel's struct tcp_info (linux/tcp.h).
BYTES_ACKED = 120

connections = {}
finished = 0
lock = threading.Lock()


def acknowledged(connection):
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("Q", info, BYTES_ACKED)[0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        with lock:
            connections[id(self)] = self.connection

    def finish(self):
        global finished
        with lock:
            finished += acknowledged(connections.pop(id(self)))
        try:
            super().finish()
        except OSError:
            pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            # The client has closed the connection.
            pass

    def do_GET(self):
        try:
            with open(os.path.basename(self.path), "rb") as file:
                data = file.read()
        except OSError:
            self.send_error(404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(number) for number in asked.groups()) if asked else (0, len(data))
        last = min(last, len(data) - 1)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(memoryview(data)[first : last + 1])

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Takes a lost packet for a sign of congestion, as on most servers.
    congestion = b"cubic"
    # Many connections of a client may arrive at once.
    request_queue_size = 64

    def server_bind(self):
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, self.congestion)
        super().server_bind()

    def handle_error(self, *_):
        pass


def main():
    number, device, address, port = sys.argv[1:]
    control = socket.socket(fileno=int(number))
    tun = line.open_tun(device)
    line.set_up(device, address)
    server = Server((address, int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    socket.send_fds(control, [b"ready\n"], [tun])
    for command in control.makefile():
        words = command.split()
        if words[0] == "count":
            with lock:
                total = finished + sum(map(acknowledged, connections.values()))
            answer = str(total)
        elif words[0] == "netem":
            answer = str(line.netem(device, float(words[1]), float(words[2])))
        control.sendall(f"{answer}\n".encode())


main()
