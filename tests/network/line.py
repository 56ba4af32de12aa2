"""A bad connection between two network name spaces: a TUN device in each, and a relay that delays
and drops packets and limits the rate. The TCP of the kernel runs through it.

If the kernel has netem, netem delays and drops, and the relay only forwards.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET = 2048  # More than the MTU of 1500.
QUEUE = 0.5  # Seconds of packets that may wait for a busy connection; more are dropped.


def open_tun(name):
    """Creates a TUN device in the name space of this process. Returns the file of its other end."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI)
    fcntl.ioctl(tun, TUNSETIFF, request)
    return tun


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def set_up(name, address):
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{address}/24", "dev", name)
    ip("link", "set", name, "up")


def netem(name, delay, loss):
    """Lets the kernel delay and drop packets that leave by the device. Returns True if it can."""
    shape = ["delay", f"{delay * 1000:.0f}ms", "loss", f"{loss * 100:.1f}%", "limit", "10000"]
    command = ["tc", "qdisc", "replace", "dev", name, "root", "netem", *shape]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Relay(threading.Thread):
    """Forwards packets between two TUN devices, in both directions alike."""

    def __init__(self, here, there, seed):
        super().__init__(daemon=True)
        self.ends = (here, there)
        self.random = random.Random(seed)
        self.delay = self.loss = 0.0
        self.rate = None  # Bytes a second each way.
        self.carried = [0, 0]  # Bytes from here, and from there.
        self.dropped = 0
        self.is_over = False

    def shape(self, delay=0.0, loss=0.0, rate=None):
        self.delay, self.loss, self.rate = delay, loss, rate

    def run(self):
        due = []  # When, a number that keeps the order, the end to write to, the packet.
        free = [0.0, 0.0]  # When each way is free again.
        number = 0
        while not self.is_over:
            wait = min(0.1, max(0.0, due[0][0] - time.monotonic())) if due else 0.1
            readable, _, _ = select.select(self.ends, [], [], wait)
            for way, end in enumerate(self.ends):
                packets = self.read(end) if end in readable else []
                for packet in packets:
                    at = self.departure(way, len(packet), free)
                    if at is None:
                        self.dropped += 1
                        continue
                    number += 1
                    heapq.heappush(due, (at + self.delay, number, self.ends[1 - way], packet))
            while due and due[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(due)
                self.write(end, packet)

    def read(self, end):
        """Returns waiting packets; a device that is down has none."""
        packets = []
        try:
            while len(packets) < 64:
                packets.append(os.read(end, PACKET))
        except OSError:
            pass
        return packets

    def departure(self, way, length, free):
        """Returns the time at which a packet has left, or None if it is lost."""
        if self.random.random() < self.loss:
            return None
        self.carried[way] += length
        now = time.monotonic()
        if self.rate is None:
            return now
        begins = max(now, free[way])
        if begins - now > QUEUE:
            return None
        free[way] = begins + length / self.rate
        return free[way]

    def write(self, end, packet):
        try:
            os.write(end, packet)
        except OSError:
            # The device is down.
            self.dropped += 1
