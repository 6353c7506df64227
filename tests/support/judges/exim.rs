//! Exim, a mail server that is stricter about headers than others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::{Server, accepts};
use super::{Smtp, here};
use crate::support::certificates::{AUTHORITY, CERTIFICATE, CERTIFICATE_KEY, write_certificates};
use crate::support::guarded::{on_a_free_port, root};
use crate::support::programs::{find, output};

/// It takes mails for everybody, delivers none, and refuses those with broken headers with 550. `STARTTLS` and a login (`PLAIN`,
/// the user and the password of [`Smtp`]) are offered and not wanted.
pub struct Exim {
    server: Server,
    port: u16,
}

impl Exim {
    /// `None`, and the reason on the terminal, where there is no Exim, or no root to start it as its user.
    pub fn start() -> Option<Self> {
        let program = here("exim", program())?;
        Some(on_a_free_port("Exim", |port| Self::launch(&program, port)))
    }

    fn launch(program: &Path, port: u16) -> Result<Self, String> {
        let data = tempfile::tempdir().unwrap();
        write_certificates(data.path());
        let settings = data.path().join("exim.conf");
        fs::write(&settings, configuration(data.path(), port)).unwrap();
        output(
            Command::new("chown")
                .args(["-R", "Debian-exim:Debian-exim"])
                .arg(data.path()),
        );
        let mut exim = Command::new("setpriv");
        exim.args(["--reuid=Debian-exim", "--regid=Debian-exim"])
            .args(["--init-groups"])
            .arg(program)
            .arg("-C")
            .arg(settings)
            .arg("-bdf");
        let mut server = Server::start(data, "TERM", exim);
        let main = server.folder().join("main.txt");
        // The log too: on a port that somebody else took, somebody else would answer.
        server.wait(|_| {
            let log = fs::read_to_string(&main).unwrap_or_default();
            (log.contains("daemon started") && accepts(port)).then_some(())
        })?;
        Ok(Self { server, port })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The PEM file that a client must trust. The server is `localhost` and `127.0.0.1`.
    pub fn authority(&self) -> PathBuf {
        self.server.folder().join(AUTHORITY)
    }

    /// The bodies of the mails that it accepted until now.
    pub fn bodies(&self) -> Vec<String> {
        let spool = fs::read_dir(self.server.folder().join("spool/input"));
        let files = spool.into_iter().flatten().map(|file| file.unwrap().path());
        // A `-D` file is the body behind a line with its own name; a mail is there when its `-H` file is.
        let mut bodies: Vec<_> = files
            .filter_map(|file| {
                let name = file.file_name()?.to_str()?.strip_suffix("-H")?;
                Some(file.with_file_name(format!("{name}-D")))
            })
            .collect();
        bodies.sort();
        bodies
            .iter()
            .map(|file| {
                let text = fs::read_to_string(file).unwrap();
                text.split_once('\n').unwrap().1.to_owned()
            })
            .collect()
    }

    /// Why it refused mails.
    pub fn refusals(&self) -> String {
        fs::read_to_string(self.server.folder().join("reject.txt")).unwrap_or_default()
    }
}

fn program() -> Result<PathBuf, String> {
    // Outside of a user's search path.
    let program = find("exim4", &["/usr/sbin".into()]).ok_or("exim4 is not installed")?;
    if root() {
        Ok(program)
    } else {
        Err("only root can start it".to_owned())
    }
}

fn configuration(folder: &Path, port: u16) -> String {
    format!(
        "primary_hostname = localhost\n\
         spool_directory = {folder}/spool\n\
         log_file_path = {folder}/%s.txt\n\
         pid_file_path = {folder}/pid\n\
         local_interfaces = 127.0.0.1\n\
         daemon_smtp_ports = {port}\n\
         tls_advertise_hosts = *\n\
         tls_certificate = {folder}/{CERTIFICATE}\n\
         tls_privatekey = {folder}/{CERTIFICATE_KEY}\n\
         queue_only = true\n\
         acl_smtp_rcpt = accept\n\
         acl_smtp_data = check\n\
         begin acl\n\
         check:\n\
         deny message = broken header: $acl_verify_message\n\
         !verify = header_syntax\n\
         deny message = header name: $acl_verify_message\n\
         !verify = header_names_ascii\n\
         accept\n\
         begin authenticators\n\
         plain:\n\
         driver = plaintext\n\
         public_name = PLAIN\n\
         server_set_id = $auth2\n\
         server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}\n",
        folder = folder.display(),
        user = Smtp::USER,
        password = Smtp::PASSWORD,
    )
}
