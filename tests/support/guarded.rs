//! A server of somebody else's as a child that cannot outlive the tests.
//!
//! A shell between the two waits for the end of its input, which comes however the tests end: it then stops the server and
//! removes its folder. So a server may live in a static, and survive a panic, but not the tests.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

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
        let log = folder.join("log");
        let output = File::create(&log).unwrap();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", GUARD, "guard", signal])
            .arg(folder)
            .arg(server.get_program())
            .args(server.get_args());
        let shell = as_user(shell, folder)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { shell, log }
    }

    /// How it ended by itself, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
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
        let _ = self.shell.wait();
    }
}

/// Called with the signal, the folder and the server. A key that interrupts the tests is not for the guard.
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
} &
reader=$!
wait $server
status=$?
kill -s KILL $reader 2>/dev/null
[ -e "$folder/remove" ] && cd / && rm -rf "$folder"
exit $status
"#;

/// Why no server can be started here, if so.
pub fn refusal() -> Option<&'static str> {
    if !root() {
        return None;
    }
    let run = Command::new("setpriv")
        .args(identity())
        .arg("true")
        .output();
    let can = run.is_ok_and(|output| output.status.success());
    (!can).then_some("root cannot become the user postgres with setpriv")
}

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

/// What `command` prints.
#[track_caller]
pub fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A port that nobody listens to now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The first of `folders`, or of the search path, that has `program`.
pub fn find(program: impl AsRef<OsStr>, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<_> = std::env::split_paths(&path).collect();
    let mut candidates = folders.iter().chain(&path);
    let program = program.as_ref();
    candidates
        .find(|folder| folder.join(program).is_file())
        .map(|folder| folder.join(program))
}

fn identity() -> [String; 3] {
    [
        format!("--reuid={USER}"),
        format!("--regid={USER}"),
        "--init-groups".to_owned(),
    ]
}

fn root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}
