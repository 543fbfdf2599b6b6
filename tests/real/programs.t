#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Programs as they are: a shell's pipelines, make, a setuid program, servers where installed."""

import os
import shutil
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403


def load(name, trace, result, status=0):
    same(result.status, status, "%s: runs" % name)
    one = report(trace)
    lossless(one, name)
    return one["processes"]


def images_of(process):
    return [os.path.basename(i["filename"]) for i in process["images"]]


def test_shell(directory):
    trace = directory + "/shell"
    result = record(trace, ["/bin/bash", "-c", "true(){ :; }; /bin/echo one | cat | wc -l; "
                            "(exit 3); x=$(/bin/echo two); { /bin/sleep 0.01 & }; wait; exit 4"])
    processes = load("bash", trace, result, 4)
    same(result.out, "1\n", "bash: its own output")
    root = processes[0]
    children = [p for p in processes if p["parent"] == root["id"]]
    same(sorted(" ".join(images_of(p)) for p in children if p["start_method"] == "spawn"),
         ["cat", "echo", "echo", "sleep", "wc"], "bash: commands are spawned")
    subshells = [p for p in children if p["start_method"] == "fork"]
    same([p["exit"] for p in subshells], [{"code": 3}], "bash: a subshell is a fork")
    ok(all(p["reaped_by"] == root["id"] for p in children), "bash: reaps its children", children)


def test_make(directory):
    with open(directory + "/Makefile", "w") as f:
        f.write("all: a b c\na b c:\n\t@/bin/sleep 0.05; /bin/echo $@ > %s/$@\n" % directory)
    trace = directory + "/make"
    result = record(trace, ["make", "-j2", "-s", "-f", directory + "/Makefile"])
    processes = load("make", trace, result)
    ok(all(os.path.exists(directory + "/" + x) for x in "abc"), "make: made all")
    shells = [p for p in processes if p["parent"] == processes[0]["id"]]
    same([images_of(p) for p in shells], [["sh"]] * 3, "make: one shell a target")
    same(len(processes), 1 + 3 * 3, "make: shell, sleep and echo for each")
    alive, most = 0, 0
    for _, step in sorted([(p["start_ns"], 1) for p in shells] + [(p["end_ns"], -1) for p in shells]):
        alive += step
        most = max(most, alive)
    ok(most == 2, "make -j2: two at a time", most)


def test_setuid(directory):
    if os.getuid() != 0:
        skip("setuid", "not root")
        return
    program = directory + "/id"
    shutil.copy("/usr/bin/id", program)
    os.chown(program, 0, 0)
    os.chmod(program, 0o4755)
    trace = directory + "/setuid"
    result = record(trace, ["/bin/sh", "-c", program + "; :"], "-u", "nobody")
    processes = load("setuid", trace, result)
    ok("uid=65534(nobody)" in result.out and "euid=0(root)" in result.out, "setuid: has its effect",
       result.out)
    same([images_of(p) for p in processes if p["parent"]], [["id"]], "setuid: its exec is seen")
    pid = [p["pid"] for p in processes if p["parent"]][0]
    states = [e for e in events(trace) if e["type"] == "state" and e["pid"] == pid]
    ok(states and (states[-1]["uid"], states[-1]["euid"]) == (65534, 0), "setuid: ids after the exec", states)


def test_nginx(directory):
    nginx = shutil.which("nginx") or ("/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else None)
    if not nginx:
        skip("nginx", "not installed")
        return
    conf = directory + "/nginx.conf"
    with open(conf, "w") as f:
        f.write("daemon off; master_process on; worker_processes 2; pid {0}/pid; error_log {0}/err;\n"
                "events {{ worker_connections 16; }}\n"
                "http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p;\n"
                "fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;\n"
                "server {{ listen unix:{0}/sock; }} }}\n".format(directory))
    trace = directory + "/nginx-trace"
    child = start([FORKSCOPE, "record", "-o", trace, "--fds=full", "--", nginx, "-c", conf])
    try:
        ok(wait_until(lambda: os.path.exists(directory + "/sock")), "nginx: listens")
        child.send_signal(signal.SIGTERM)
        same(child.wait(30), 0, "nginx: SIGTERM reaches it")
    finally:
        stop(child)
    processes = report(trace)["processes"]
    workers = [p for p in processes if p["parent"] == processes[0]["id"]]
    same([p["start_method"] for p in workers], ["fork"] * 2, "nginx: workers are forks, no fork server's")


def test_sshd(directory):
    sshd = "/usr/sbin/sshd"
    if not os.path.exists(sshd):
        skip("sshd", "not installed")
        return
    trace = directory + "/sshd-trace"
    result = record(trace, [sshd, "-t", "-f", "/dev/null", "-h", "/nowhere"])
    ok(result.status not in (125, None), "sshd: runs", result)
    lossless(report(trace), "sshd")


need_bpf()
for test in (test_shell, test_make, test_setuid, test_nginx, test_sshd):
    with private_dir() as one_dir:
        test(one_dir)
done()
