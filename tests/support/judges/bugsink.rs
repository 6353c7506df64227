//! Bugsink, a server that takes what Sentry takes: <https://www.bugsink.com>.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::server::{Server, get, get_json, port_after};
use super::{folder, here, interpreter};
use crate::support::programs::output;

/// An empty server with one project. It stores only what keeps to the schema of Sentry's events, but answers 200 to all: what
/// counts is [`Bugsink::events`].
pub struct Bugsink {
    server: Server,
    port: u16,
    key: String,
    token: String,
}

impl Bugsink {
    /// `None`, and the reason on the terminal, where there is no Bugsink.
    pub fn start() -> Option<Self> {
        let template = template(here("bugsink", interpreter())?);
        let data = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(&template).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), data.path().join(entry.file_name())).unwrap();
        }
        let mut gunicorn = set_up(interpreter().unwrap(), data.path());
        gunicorn.args(["-m", "gunicorn", "--no-control-socket"]);
        gunicorn.args(["--bind", "127.0.0.1:0", "--workers", "1"]);
        gunicorn.args(["--threads", "4", "bugsink.wsgi"]);
        // On SIGTERM it would wait for its clients.
        let mut server = Server::start(data, "QUIT", gunicorn);
        let port = server.started("Bugsink", |log| {
            let port = port_after(log, "Listening at: http://127.0.0.1:")?;
            let answer = get(port, "/health/ready", "").ok()?;
            (answer.0 == 200).then_some(port)
        });
        let made = fs::read_to_string(server.folder().join("project.json")).unwrap();
        let made: Value = serde_json::from_str(&made).unwrap();
        Some(Self {
            server,
            port,
            key: made["key"].as_str().unwrap().to_owned(),
            token: made["token"].as_str().unwrap().to_owned(),
        })
    }

    /// Of the only project.
    pub fn dsn(&self) -> String {
        format!("http://{}@127.0.0.1:{}/1", self.key, self.port)
    }

    /// The data of the stored events, in the order in which they came. What was answered is stored.
    pub async fn events(&self) -> Vec<Value> {
        let found = self.stored().await;
        found
            .into_iter()
            .map(|mut event| event["data"].take())
            .collect()
    }

    /// Each stored event's stack as Bugsink shows it, with the local variables of each frame, in Markdown.
    pub async fn stacks(&self) -> Vec<String> {
        let found = self.stored().await;
        found
            .iter()
            .map(|event| {
                let id = event["id"].as_str().unwrap();
                let path = format!("{API}/events/{id}/stacktrace/");
                let (status, body) = get(self.port, &path, &self.authorization()).unwrap();
                assert_eq!(status, 200, "{body}");
                body
            })
            .collect()
    }

    /// The issues, one for each group that Bugsink made of the events.
    pub async fn issues(&self) -> Vec<Value> {
        self.list("issues/?project=1")
    }

    /// What it printed, such as why it stored nothing.
    pub fn log(&self) -> String {
        self.server.log()
    }

    async fn stored(&self) -> Vec<Value> {
        let mut found = Vec::new();
        for issue in self.issues().await {
            let issue = issue["id"].as_str().unwrap();
            for event in self.list(&format!("events/?issue={issue}")) {
                let id = event["id"].as_str().unwrap();
                let path = format!("{API}/events/{id}/");
                found.push(get_json(self.port, &path, &self.authorization()));
            }
        }
        // In RFC 3339, all in UTC and with the same digits.
        found.sort_by_key(|event| event["ingested_at"].as_str().map(str::to_owned));
        found
    }

    /// All pages of a list.
    #[track_caller]
    fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = Some(format!("{API}/{path}"));
        while let Some(path) = next {
            let mut page = get_json(self.port, &path, &self.authorization());
            let results = page["results"].as_array_mut().unwrap();
            all.append(results);
            next = page["next"].as_str().map(|url| {
                let at = url.find(API).unwrap();
                url[at..].to_owned()
            });
        }
        all
    }

    fn authorization(&self) -> String {
        format!("authorization: Bearer {}\r\n", self.token)
    }
}

const API: &str = "/api/canonical/0";

/// `python` for the Bugsink whose data is in `data`.
fn set_up(mut python: Command, data: &Path) -> Command {
    python
        .env("BUGSINK_FOLDER", data)
        .env("DJANGO_SETTINGS_MODULE", "bugsink_settings")
        .env("PYTHONPATH", folder().join("bugsink_server"));
    python
}

/// The data of an empty server with its project. Made once for each set of packages and kept: making it takes ten seconds.
fn template(python: Command) -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("judges");
    fs::create_dir_all(&kept).unwrap();
    let lock = File::create(kept.join("bugsink.lock")).unwrap();
    // Whoever comes second waits for the first and finds what that one made.
    lock.lock().unwrap();
    let template = kept.join("bugsink");
    let made = template.join("made-by");
    let maker = maker();
    if fs::read_to_string(&made).is_ok_and(|by| by == maker) {
        return template;
    }
    let _ = fs::remove_dir_all(&template);
    fs::create_dir(&template).unwrap();
    let mut python = set_up(python, &template);
    python.arg(folder().join("bugsink_server/template.py"));
    output(&python);
    fs::write(made, maker).unwrap();
    template
}

/// All that a template depends on.
fn maker() -> String {
    [
        "requirements.txt",
        "bugsink_server/bugsink_settings.py",
        "bugsink_server/template.py",
    ]
    .map(|file| fs::read_to_string(folder().join(file)).unwrap())
    .concat()
}
