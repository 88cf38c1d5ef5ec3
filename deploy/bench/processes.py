"""Processes under measurement: starting them, ending them, and what they have used."""

import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import time


@contextlib.contextmanager
def running(command, log, processor=None):
    """Runs a program until the block ends, optionally pinned to processors."""
    if processor is not None:
        command = ["taskset", "-c", processor, *command]
    process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_listening(process, port, log, seconds=10):
    """Waits until the port accepts connections; exits if it does not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{log.stem} does not start:\n" + log.read_text()[-4000:])
            time.sleep(0.02)


def end_on_signals():
    """Makes SIGTERM and SIGHUP unwind, so that servers end and the folder is removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("stopped"))


def free_ports(*names):
    """A free port of the loopback address for each name."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return dict(zip(names, ports))


def raise_descriptor_limit(wanted=100_000):
    """Raises it as far as the system allows, also for child processes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, wanted), max(hard, wanted)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_time(pid):
    """User and system time of all threads, in seconds."""
    seconds = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        # In nanoseconds; /proc/PID/stat counts in hundredths of a second.
        seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
    return seconds


def resident(pid):
    """Resident memory in bytes."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def processors():
    return sorted(os.sched_getaffinity(0))
