//! S15: ordinary work, which has to go well in `workspace-write`. Each piece is a script for bash; where its tools are
//! absent it is not run.

use crate::Outcome;
use crate::place::{Host, Place};

pub(crate) struct Work {
    pub(crate) name: &'static str,
    /// Programs without which it cannot be done.
    tools: &'static str,
    /// The reduced tier does not promise it.
    pub(crate) on_full: bool,
    /// Done beforehand, without a sandbox.
    before: &'static str,
    script: &'static str,
}

const fn work(name: &'static str, tools: &'static str, script: &'static str) -> Work {
    Work { name, tools, on_full: false, before: "", script }
}

impl Work {
    const fn on_full(self) -> Self {
        Self { on_full: true, ..self }
    }

    const fn after(self, before: &'static str) -> Self {
        Self { before, ..self }
    }

    pub(crate) fn done(&self, user: u32, tier: &str, host: &Host) -> Outcome {
        let place = Place::new(user, host);
        if self.tools.contains("cargo") {
            place.lend_compiler();
        }
        place.run_unconfined(self.before);
        // A tool has to start at all: some are links to what another user cannot reach.
        let line = format!(
            "exec 2>&1; for tool in {}; do command -v $tool >/dev/null && $tool --version >/dev/null || \
             {{ echo \"without $tool\"; exit 9; }}; done\nset -ex\n{}",
            self.tools, self.script
        );
        let ran = place.run_line(tier, &line);
        match ran.code {
            Some(0) => Outcome::Held,
            Some(9) => Outcome::NotRun(format!("({tier}) {}", ran.said.trim())),
            code => Outcome::Trouble(format!("({tier}) {code:?}\n{}", ran.said)),
        }
    }
}

pub(crate) const WORK: &[Work] = &[
    work("s15_shell", "ls", r#"
        test "$(printf 'a\nb\n' | sort -r | head -1)" = b
        f=$(mktemp) && echo x >"$f" && test -s "$f" && rm "$f"
        d=$(mktemp -d) && touch "$d/a b" && find "$d" -name 'a b' | grep -q . && rm -r "$d"
        diff <(echo a) <(echo a)
        (sleep 60 & kill %1; wait %1) || test $? = 143
        cat <<<here >/dev/null; echo >/dev/null; : </dev/zero; head -c 4 /dev/urandom | wc -c | grep -q 4
        bash -c 'exit 3' || test $? = 3
        test "$(nice -n 7 nice)" -ge 7; (renice -n 9 $BASHPID 2>/dev/null || true); nice -n 5 timeout 5 true
        bash -c 'kill -9 $$' || test $? = 137
        mkfifo p; (echo x >p &); read y <p; test "$y" = x
        echo hidden >$'\xff odd \n name'; test -s $'\xff odd \n name'
        ln -s a b; chmod 700 .; touch -d yesterday written; mkdir -p x/y; mv x z; rm -r z
        ulimit -n 64; ulimit -c 0; umask 022; id; uname -a; date; ps >/dev/null || true
        xargs -P4 -n1 echo < <(seq 20) | sort | wc -l | grep -q 20
    "#),
    work("s15_cargo", "cargo cc", r#"
        export CARGO_HOME=$PWD/.cargo-home CARGO_TARGET_DIR=$PWD/target
        mkdir -p tiny/src; cd tiny
        printf '[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n' >Cargo.toml
        printf 'fn main() { println!("hi"); }\n#[test]\nfn t() { std::thread::spawn(|| std::fs::write(std::env::temp_dir().join("t"), "x").unwrap()).join().unwrap(); }\n' >src/main.rs
        cargo build --offline -q
        test "$(cargo run --offline -q)" = hi
        cargo test --offline -q
    "#),
    // What one tier hides, the other cannot without hiding all that is made beside it.
    work("s15_new_files_beside_a_secret_that_a_variable_names", "git", r#"
        if test "$TMPDIR" = /tmp; then test ! -s credentials.json; else grep -q secret credentials.json; fi
        echo hi >new; test "$(cat new)" = hi; mkdir d; echo hi >d/new; test "$(cat d/new)" = hi
        git init -q g; git -C g status --short
    "#).after("echo secret >credentials.json"),
    work("s15_compiler_beside_a_secret_that_a_variable_names", "cc", r#"
        echo 'int main(void) { return 0; }' >p.c; cc p.c; ./a.out
    "#).after("echo secret >credentials.json"),
    work("s15_make_in_parallel", "make cc", r#"
        printf 'all: a.o b.o c.o d.o\n\tcc -o all $^\n%%.o: %%.c\n\tcc -c -o $@ $<\n' >Makefile
        for f in a b c; do echo "int $f(void) { return 0; }" >$f.c; done
        echo 'int main(void) { return 0; }' >d.c
        make -j4 && ./all
    "#),
    work("s15_compiler_and_debugger", "cc gdb", r#"
        printf 'int f(int x) { return x + 1; }\nint main(void) { return f(41) - 42; }\n' >p.c
        cc -g -o p p.c && ./p
        gdb -q -batch -ex 'break f' -ex run -ex 'print x' ./p 2>&1 | tee out
        grep -q '= 41' out
    "#).on_full(),
    work("s15_tracer", "strace", r"strace -f -o trace true; grep -q execve trace").on_full(),
    // Its parent is then the first process of the room.
    work("s15_an_orphan_that_asks_to_be_traced", "python3", r#"
        cat >t.py <<'E'
import ctypes, os, signal
while os.getppid() != 1: pass
assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0
signal.signal(signal.SIGUSR1, lambda *_: print('heard', flush=True))
os.kill(os.getpid(), signal.SIGUSR1)
assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0
os.execlp('echo', 'echo', 'after')
E
        mkfifo p; (python3 t.py >p &); exec 5<p
        read -t 30 -u 5 line; test "$line" = heard; read -t 30 -u 5 line; test "$line" = after
    "#).on_full(),
    work("s15_node_children_and_workers", "node", r#"
        cat >t.js <<'E'
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { execFileSync, fork, spawn } = require('child_process');
if (process.argv[2] === 'child') { process.send('c'); process.disconnect(); return; }
if (!isMainThread) { parentPort.postMessage('w'); return; }
if (execFileSync('echo', ['x']).toString() !== 'x\n') process.exit(1);
let left = 3;
const one = want => got => { if (String(got) !== want) process.exit(2); if (--left === 0) process.exit(0); };
new Worker(__filename).on('message', one('w'));
fork(__filename, ['child']).on('message', one('c'));
const cat = spawn('cat'); cat.stdout.on('data', one('p')); cat.stdin.end('p');
setTimeout(() => process.exit(3), 20000);
E
        node t.js
    "#),
    work("s15_node_server_and_client", "node", r#"
        cat >t.js <<'E'
const http = require('http'), net = require('net');
const s = http.createServer((q, r) => r.end('hi')).listen(0, 'localhost', () => {
  http.get({ host: 'localhost', port: s.address().port }, r => r.on('data', d => {
    if (String(d) !== 'hi') process.exit(1);
    const u = net.createServer(c => c.end('un')).listen('own.sock', () =>
      net.connect('own.sock').on('data', d => process.exit(String(d) === 'un' ? 0 : 2)));
  }));
});
setTimeout(() => process.exit(3), 20000);
E
        node t.js
    "#).on_full(),
    work("s15_npm_init", "npm", r"mkdir n; cd n; npm init -y >/dev/null && test -s package.json"),
    work("s15_python_multiprocessing", "python3", r#"
        cat >t.py <<'E'
import multiprocessing as m, subprocess, tempfile, threading
def f(x): return x * x
if __name__ == '__main__':
    with m.Pool(2) as p: assert p.map(f, [1, 2, 3]) == [1, 4, 9]
    q = m.Queue(); c = m.Process(target=q.put, args=(1,)); c.start(); assert q.get(timeout=20) == 1; c.join()
    assert subprocess.check_output(['echo', 'x']) == b'x\n'
    t = threading.Thread(target=f, args=(1,)); t.start(); t.join()
    tempfile.NamedTemporaryFile().write(b'x')
E
        python3 t.py
    "#),
    work("s15_python_venv", "python3", r"python3 -m venv --without-pip v; v/bin/python -c 'import sys; assert sys.prefix.endswith(chr(118))'"),
    work("s15_python_sockets", "python3", r#"
        cat >t.py <<'E'
import os, socket, threading
def serve(s):
    while True:
        c, _ = s.accept(); c.sendall(c.recv(9)); c.close()
def ask(family, address, kind=socket.SOCK_STREAM, blocking=True):
    s = socket.socket(family, kind)
    s.settimeout(None if blocking else 5)
    s.connect(address); s.sendall(b'x'); assert s.recv(9) == b'x'; return s
def listen(family, address, kind=socket.SOCK_STREAM):
    s = socket.socket(family, kind); s.bind(address); s.listen()
    threading.Thread(target=serve, args=(s,), daemon=True).start(); return s.getsockname()
u, i, p = socket.AF_UNIX, socket.AF_INET, socket.SOCK_SEQPACKET
for address in ['own.sock', os.getcwd() + '/whole.sock', '/tmp/t.sock', '\0abstract']:
    for blocking in [True, False]:
        if blocking: listen(u, address)
        ask(u, address, blocking=blocking)
os.mkdir('d'); listen(u, 'd/s'); ask(u, 'd/../d/s'); os.symlink('d/s', 'l'); ask(u, 'l')
ask(u, '/proc/self/cwd/d/s'); os.rename('d/s', 'moved'); ask(u, 'moved')
fd = os.open('d', os.O_RDONLY); listen(u, '/proc/self/fd/%d/far' % fd); ask(u, '/proc/self/fd/%d/far' % fd)
listen(u, 'packets', p); ask(u, 'packets', p)
for blocking in [True, False]: ask(i, listen(i, ('127.0.0.1', 0)), blocking=blocking)
ask(socket.AF_INET6, listen(socket.AF_INET6, ('::1', 0)))
for wrong, number in [('missing', 2), ('t.py', 111), ('d', 111)]:
    try: ask(u, wrong); assert False
    except OSError as e: assert e.errno == number, (wrong, e)
try: ask(i, ('127.0.0.1', 1)); assert False
except OSError as e: assert e.errno == 111, e
a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'
d = socket.socket(i, socket.SOCK_DGRAM); d.bind(('127.0.0.1', 0)); d.connect(d.getsockname()); d.send(b'x'); assert d.recv(1) == b'x'
t = threading.Thread(target=lambda: ask(u, 'moved')); t.start(); t.join()
if os.fork() == 0: ask(u, 'moved'); os._exit(0)
assert os.wait()[1] == 0
E
        python3 t.py
    "#).on_full(),
    work("s15_git", "git", r#"
        export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b
        git init -q -b main r; cd r
        echo a >a; git add a; git commit -q -m one; git status --short
        git checkout -q -b side; echo b >>a; git commit -q -a -m two; git checkout -q main
        echo c >b; git add b; git stash -q; git stash pop -q; git commit -q -m three
        git merge -q side -m merged; git rebase -q side || git rebase --abort; git branch -m side other
        git worktree add -q ../tree other; (cd ../tree; echo d >d; git add d; git commit -q -m four)
        git worktree remove ../tree; git remote add origin ../origin.git; git tag t; git gc -q
        git init -q --bare -b main ../origin.git; git push -q -u origin main; git fetch -q; git log --oneline | wc -l
        git clone -q ../origin.git ../copy; git -C ../copy log -1 >/dev/null; git diff HEAD~1 >/dev/null
        test "$(git config branch.main.remote)" = origin; git fsck --no-progress
    "#),
    work(
        "s15_git_in_a_worktree",
        "git",
        r#"
        export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b
        echo a >a; git add a; git commit -q -m one; git status --short
        git checkout -q -b here; echo b >>a; git stash -q; git stash pop -q; git commit -q -a -m two
        git branch other; git tag t; git log --oneline main..here | wc -l | grep -q 2
    "#,
    )
    .after(crate::git::WORKTREE),
    work(
        "s15_git_with_worktrees_and_submodules_that_were_there",
        "git",
        r#"
        git worktree move tree ../workspace/moved; git worktree remove moved
        test "$(git worktree list | wc -l)" = 1; rm -rf .git/modules/sub sub; test ! -e .git/modules/sub
        git -C dep status --short; rm -rf dep; test ! -e dep
    "#,
    )
    .after(
        r#"
        export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b
        git init -q -b main .; git commit -q --allow-empty -m one; git worktree add -q tree
        git init -q dep; (cd dep; git commit -q --allow-empty -m one)
        git -c protocol.file.allow=always submodule --quiet add ./dep sub
    "#,
    ),
    work("s15_terminal", "script", r"script -qec 'tty && test -t 0 && stty size' /dev/null </dev/null"),
    work("s15_terminals", "python3", r#"
        cat >t.py <<'E'
import os, pty
for opened in [os.openpty(), pty.openpty()]:
    os.write(opened[1], b'x\n'); assert os.read(opened[0], 9).startswith(b'x')
pid, master = pty.fork()
if pid == 0: os.execvp('sh', ['sh', '-c', 'test -t 0 && echo x >/dev/tty; exit 3'])
assert os.read(master, 9).startswith(b'x'); assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
E
        python3 t.py
    "#),
    work("s15_python_shared_memory", "python3", r#"
        cat >t.py <<'E'
import multiprocessing as m, os
from multiprocessing import shared_memory as s
def fill(name):
    other = s.SharedMemory(name=name); other.buf[0] = 7; other.close()
if __name__ == '__main__':
    own = s.SharedMemory(create=True, size=64)
    c = m.Process(target=fill, args=(own.name,)); c.start(); c.join()
    assert own.buf[0] == 7, own.buf[0]
    own.close(); own.unlink()
    v = m.Value('i', 0)
    with v.get_lock(): v.value = 5
    e = m.Event(); c = m.Process(target=e.set); c.start(); assert e.wait(20); c.join()
    try: s.SharedMemory(name='none-of-this-name'); assert False
    except FileNotFoundError: pass
E
        python3 t.py
    "#),
    // Others of this user stand by meanwhile, which do not count; root may start as many as it likes.
    work("s7_half_of_the_descriptors_is_left_to_the_person", "", r#"
        [ "$(ulimit -Hn)" -lt "$(cat most)" ] || [ "$(cat most)" -le 4096 ]
        [ "$(ulimit -Hn)" -ge 4096 ] || [ "$(cat most)" -lt 4096 ]
        [ "$(ulimit -Sn)" -le "$(cat usual)" ]
    "#).after("ulimit -Hn >most; ulimit -Sn >usual"),
    work("r11_processes_of_the_world_alone_are_counted", "python3", r#"
        cat >t.py <<'E'
import os, resource, signal, time
soft, most = resource.getrlimit(resource.RLIMIT_NPROC)
assert 0 < soft <= most <= 8192, (soft, most)
assert resource.getrlimit(resource.RLIMIT_CORE) == (1, 1)
resource.setrlimit(resource.RLIMIT_NPROC, (30, most))
started = []
try:
    while len(started) < 40:
        started.append(os.fork() or time.sleep(60) or os._exit(0))
    assert os.getuid() == 0
except BlockingIOError:
    assert 20 < len(started) < 30, len(started)
for pid in started: os.kill(pid, signal.SIGKILL); os.wait()
E
        python3 t.py
    "#)
    .on_full()
    .after("for i in $(seq 40); do sleep 5 & done"),
    work("s15_docker_fails_cleanly", "docker", r#"
        if timeout 20 docker ps >out 2>&1; then exit 1; fi
        grep -qiE 'connect|daemon|permission|denied' out
    "#),
];
