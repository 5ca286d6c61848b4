"""What a hostile server would try. Each function is one attack; it returns what stopped it: the name of an errno, or a
word of its own. `FREE` means that nothing did."""
import ctypes
import errno
import json
import os
import resource
import socket
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
WORLD = json.loads(os.environ.get("WORLD", "{}"))
FREE = "FREE"
X86 = os.uname().machine == "x86_64"


def call(x86, arm, *arguments):
    """A system call by its number, so that no library stands between."""
    result = libc.syscall(ctypes.c_long(x86 if X86 else arm), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return FREE if result >= 0 else errno.errorcode[ctypes.get_errno()]


def told(action):
    try:
        action()
        return FREE
    except OSError as error:
        return errno.errorcode[error.errno]
    except (MemoryError, ValueError) as error:
        return type(error).__name__


def read(path):
    def action():
        with open(path, "rb") as file:
            file.read(1)
    return told(action)


def write(path):
    return told(lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT)))


def connect(family, address, kind=socket.SOCK_STREAM):
    def action():
        with socket.socket(family, kind) as one:
            one.settimeout(5)
            one.connect(address)
    return told(action)


# Files.
def read_a_neighbours_volume(): return read(WORLD["neighbour_volume"] + "/secret")
def list_the_state_of_the_gateway(): return told(lambda: os.listdir(WORLD["state"]))
def read_a_file_of_the_host(): return read(WORLD["host_file"])
def read_the_hosts_passwords(): return read("/etc/shadow")
def write_into_the_root(): return write("/planted")
def write_into_what_is_listed(): return write("/usr/planted")
def delete_what_is_listed(): return told(lambda: os.unlink("/usr/bin/env"))
def rename_what_is_listed(): return told(lambda: os.rename("/usr/bin", "/usr/bin2"))
def change_the_mode_of_what_is_listed(): return told(lambda: os.chmod("/usr/bin/env", 0o777))
def leave_by_the_root_of_process_1(): return read("/proc/1/root" + WORLD["host_file"])
def leave_by_dot_dot(): return read("/../../../.." + WORLD["host_file"])
def leave_by_a_link():
    os.symlink("/proc/1/root" + WORLD["host_file"], "/tmp/link")
    return read("/tmp/link")
def make_a_device(): return told(lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)))
def open_the_hosts_memory(): return read("/dev/mem")
def open_the_kernels_memory(): return read("/proc/kcore")
def press_sysrq(): return write("/proc/sysrq-trigger")
def set_a_kernel_setting(): return write("/proc/sys/kernel/core_pattern")
def plant_a_link_for_the_gateway(): return told(lambda: os.symlink("/etc/passwd", "/run/partywall/socket"))
def bring_a_link_for_the_gateway():
    os.symlink("/etc/passwd", "/tmp/planted")
    return told(lambda: os.rename("/tmp/planted", "/run/partywall/socket"))
def open_by_handle(): return call(304, 265, -1, 0, 0)
def leave_by_chroot(): return told(lambda: os.chroot("/tmp"))


# What else is there.
def see_the_environment_of_the_gateway():
    return "declared" if set(os.environ) <= {"WORLD", "LC_CTYPE"} else FREE
def see_open_descriptors():
    mine = [fd for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
    # One is the listing's own, and is closed by now.
    return "its own" if len(mine) <= 1 else FREE
def see_other_processes():
    return "its own" if len([p for p in os.listdir("/proc") if p.isdigit()]) <= 2 else FREE
def see_the_hosts_interfaces():
    return "loopback" if [name for _, name in socket.if_nameindex()] == ["lo"] else FREE
def see_the_name_of_the_host(): return "server" if os.uname().nodename == "server" else FREE
def see_the_hosts_cgroups():
    with open("/proc/self/cgroup") as file:
        return "its own" if all(line.strip().endswith(":/") for line in file) else FREE
def read_the_environment_of_process_1(): return read("/proc/1/environ")
def read_the_memory_of_process_1(): return read("/proc/1/mem")


# Processes.
def signal_a_neighbour(): return told(lambda: os.kill(WORLD["neighbour_pid"], 9))
def signal_the_gateway(): return told(lambda: os.kill(WORLD["gateway_pid"], 9))
def signal_process_1():
    # It has no handler, and is the first of its namespace: the kernel drops the signal.
    os.kill(1, 9)
    time.sleep(0.05)
    return "dropped"
def trace_process_1(): return call(101, 117, 16, 1, 0, 0)
def trace_a_neighbour(): return call(101, 117, 16, WORLD["neighbour_pid"], 0, 0)
def read_memory_of_a_neighbour(): return call(310, 270, WORLD["neighbour_pid"], 0, 0, 0, 0, 0)
def take_a_descriptor(): return call(438, 438, 0, 0, 0)
def become_root(): return told(lambda: os.setuid(0))
def become_a_neighbour(): return told(lambda: os.setuid(WORLD["neighbour_uid"]))
def join_a_group(): return told(lambda: os.setgroups([0]))
def become_root_by_a_setuid_program():
    os.posix_spawn("/usr/bin/env", ["env", "true"], {})
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return "no new privileges" if lines["NoNewPrivs"].strip() == "1" else FREE
def have_a_capability():
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    sets = [int(lines[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
    return "none" if not any(sets) else FREE
def go_before_others(): return told(lambda: os.nice(-5))
def raise_a_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return told(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1)))


# The network.
def reach_the_hosts_loopback(): return connect(socket.AF_INET, ("127.0.0.1", WORLD["host_port"]))
def reach_the_hosts_abstract_socket(): return connect(socket.AF_UNIX, "\0" + WORLD["host_abstract"])
def reach_a_metadata_address(): return connect(socket.AF_INET, ("169.254.169.254", 80))
def reach_the_internet(): return connect(socket.AF_INET, ("192.0.2.1", 443))
def reach_the_internet_over_ipv6(): return connect(socket.AF_INET6, ("2001:db8::1", 443))
def send_a_datagram(): return connect(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM)
def open_a_raw_socket(): return told(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
def open_a_packet_socket(): return told(lambda: socket.socket(17, socket.SOCK_RAW))
def open_a_vsock(): return told(lambda: socket.socket(40, socket.SOCK_STREAM))
def open_a_crypto_socket(): return told(lambda: socket.socket(38, 5))


# The kernel.
def load_bpf(): return call(321, 280, 0, 0, 0)
def set_up_io_uring(): return call(425, 425, 1, 0)
def make_a_userfaultfd(): return call(323, 282, 0)
def add_a_key(): return call(248, 217, 0, 0, 0, 0, 0)
def read_a_keyring(): return call(250, 219, 0, 0, 0, 0, 0)
def mount_something(): return call(165, 40, 0, 0, 0, 0, 0)
def mount_something_the_new_way(): return call(430, 430, 0, 0)
def unmount_something(): return call(166, 39, ctypes.c_char_p(b"/usr"), 2)
def make_a_user_namespace(): return call(272, 97, 0x10000000)
def clone_into_a_namespace(): return call(56, 220, 0x10000000 | 17, 0, 0, 0, 0)
def clone_the_new_way(): return call(435, 435, 0, 0)
def enter_a_namespace(): return call(308, 268, 0, 0)
def watch_performance(): return call(298, 241, 0, 0, -1, -1, 0)
def load_a_module(): return call(175, 105, 0, 0, 0)
def start_another_kernel(): return call(246, 104, 0, 0, 0, 0)
def reboot(): return call(169, 142, 0, 0, 0, 0)
def set_the_clock(): return call(227, 112, 0, 0)
def name_the_host(): return call(170, 161, ctypes.c_char_p(b"x"), 1)
def use_swap(): return call(167, 224, 0, 0)
def read_the_kernels_log(): return call(103, 116, 3, 0, 0)
def type_into_a_terminal(): return call(16, 29, 0, 0x5412, 0)
def call_by_a_number_that_is_not_there(): return call(0x40000000 + 39, 10_000)


# What runs away. These are run alone.
def take_all_memory():
    taken = []
    while True:
        taken.append(bytearray(4 << 20))
def take_memory_until_told():
    def action():
        taken = []
        while len(taken) < 4096:
            taken.append(bytearray(4 << 20))
    return told(action)
def fork_without_end():
    def action():
        for _ in range(100_000):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
    return told(action)
def fill_the_disk():
    def action():
        for number in range(1 << 12):
            with open(f"/tmp/fill{number}", "wb") as file:
                file.write(bytes(1 << 20))
    return told(action)
def fill_the_disk_with_names():
    def action():
        for number in range(1 << 20):
            os.close(os.open(f"/tmp/{number}", os.O_CREAT))
    return told(action)
def write_one_file_without_end():
    def action():
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with open("/data/long", "wb") as file:
            for _ in range(1 << 12):
                file.write(bytes(1 << 20))
    return told(action)
def open_files_without_end():
    kept = []
    return told(lambda: kept.extend(os.open("/tmp", os.O_RDONLY) for _ in range(1 << 20)))
def burn_cpu():
    for _ in range(4):
        if os.fork() == 0:
            while True:
                pass
    time.sleep(600)
def ignore_every_signal():
    import signal
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        time.sleep(600)
def leave_a_daemon():
    import signal
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(1, b"daemon\n")
            time.sleep(600)
        os._exit(0)
    time.sleep(0.3)
    return "left behind"


for name in sys.argv[1:]:
    print(json.dumps([name, globals()[name]()]), flush=True)
