//! A server of somebody else's as a child that cannot outlive the tests.
//!
//! A shell between the two waits for the end of its input, which comes however the tests end: it then stops the server and
//! removes its folder. So a server may live in a static, and survive a panic, but not the tests.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::LONG;
use super::programs::{limited, output};

/// The user that servers run as when the tests run as root, which PostgreSQL and PgBouncer refuse.
const USER: &str = "postgres";

/// A running server. It ends with this value, and its folder with it.
pub struct Guarded {
    shell: Child,
    log: PathBuf,
}

impl Guarded {
    /// Starts `server` in `folder`, which must be its user's own. `signal` is what stops it at once.
    pub fn start(folder: &Path, signal: &str, server: Command) -> Self {
        Self::run(folder, as_user(guard(folder, signal, &server), folder))
    }

    /// The same for a server that runs as whoever runs the tests, with the variables of its own that `server` has.
    pub fn start_as_self(folder: &Path, signal: &str, server: Command) -> Self {
        let mut shell = guard(folder, signal, &server);
        shell.current_dir(folder);
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self::run(folder, shell)
    }

    fn run(folder: &Path, mut shell: Command) -> Self {
        let log = folder.join("log");
        let output = File::create(&log).unwrap();
        let shell = shell
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { shell, log }
    }

    /// What `ready` finds, asked with the log until it does; the log, where the server ends before that.
    #[track_caller]
    pub fn wait<T>(&mut self, ready: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + LONG;
        loop {
            if let Some(found) = ready(&self.log()) {
                return Ok(found);
            }
            if let Some(status) = self.ended() {
                return Err(format!("{status}\n{}", self.log()));
            }
            assert!(
                Instant::now() < deadline,
                "not ready within {LONG:?}:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().unwrap()
    }

    /// Stops the server at once; its folder stays.
    pub fn stop(mut self) {
        if let Some(input) = &mut self.shell.stdin {
            let _ = input.write_all(b"keep\n");
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let deadline = Instant::now() + LONG;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                // The rest of the guard goes on by itself.
                let _ = self.shell.kill();
                let _ = self.shell.wait();
                assert!(std::thread::panicking(), "does not stop:\n{}", self.log());
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn guard(folder: &Path, signal: &str, server: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", GUARD, "guard", signal])
        .arg(folder)
        .arg(server.get_program())
        .args(server.get_args());
    shell
}

/// Called with the signal, the folder and the server. A key that interrupts the tests is not for the guard. A server that does
/// not heed the signal for twenty seconds is killed.
const GUARD: &str = r#"
trap '' INT HUP
signal=$1 folder=$2
shift 2
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
{
    read -r word <&3
    [ "$word" = keep ] || : >"$folder/remove"
    kill -s "$signal" $server
    for _ in $(seq 200); do
        sleep 0.1
        kill -0 $server || exit
    done
    kill -s KILL $server
} 2>/dev/null &
reader=$!
wait $server
status=$?
kill -s KILL $reader 2>/dev/null
[ -e "$folder/remove" ] && cd / && rm -rf "$folder"
exit $status
"#;

/// `command` in `folder`, as a user that servers accept.
pub fn as_user(command: Command, folder: &Path) -> Command {
    let mut run = if root() {
        let mut run = Command::new("setpriv");
        run.args(identity()).arg(command.get_program());
        run.args(command.get_args());
        run
    } else {
        command
    };
    run.current_dir(folder);
    run
}

/// Gives the folder and all that is in it to the user that servers run as, and to nobody else.
pub fn hand_over(folder: &Path) {
    output(Command::new("chmod").arg("-R").arg("go=").arg(folder));
    if root() {
        let owner = format!("{USER}:{USER}");
        output(Command::new("chown").arg("-R").arg(owner).arg(folder));
    }
}

/// What `launch` starts on the port that it is given. Where that ends, somebody else may have taken the port first, so a few
/// more are tried.
#[track_caller]
pub fn on_a_free_port<S>(name: &str, mut launch: impl FnMut(u16) -> Result<S, String>) -> S {
    let mut last = String::new();
    for _ in 0..5 {
        match launch(free_port()) {
            Ok(started) => return started,
            Err(log) => last = log,
        }
    }
    panic!("{name} is installed, but does not start: {last}");
}

/// A port that nobody listens to now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn identity() -> [String; 3] {
    [
        format!("--reuid={USER}"),
        format!("--regid={USER}"),
        "--init-groups".to_owned(),
    ]
}

pub fn root() -> bool {
    output(Command::new("id").arg("-u")) == "0\n"
}
