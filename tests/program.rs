//! The program itself, started as its operators start it (SPEC 1.3, 1.4, 1.7, 13.1, 13.2).

mod billing;
mod commands;
mod quickstart;
mod serving;
mod settings;
mod signing_in;
mod starting;
mod stopping;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::harness::{Client, Engine, PASSWORD, TestDatabase, folder};

/// Longest wait for anything a program is to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Declares a test that runs on each engine, with a place to run the program in: `program! { async fn name(place) { … } }`.
macro_rules! program {
    ($(async fn $name:ident($place:ident) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "what the file imports is for all of its scenes")]
            use super::*;

            async fn scene($place: &$crate::program::Place) $body

            #[test]
            fn sqlite() {
                $crate::program::run($crate::harness::Engine::Sqlite, async |place| scene(place).await);
            }

            #[test]
            fn postgres() {
                $crate::program::run($crate::harness::Engine::Postgres, async |place| scene(place).await);
            }
        }
    )+};
}
pub(crate) use program;

pub fn run(engine: Engine, scene: impl AsyncFn(&Place)) {
    let Some(database) = TestDatabase::empty(engine) else { return };
    actix_web::rt::System::new().block_on(async {
        let place = Place::new(database);
        scene(&place).await;
        place.database.remove().await;
    });
}

/// A folder to run in, and an empty database. On SQLite that is the default one, `data/crm.db` in the folder.
pub struct Place {
    folder: TempDir,
    database: TestDatabase,
}

impl Place {
    fn new(database: TestDatabase) -> Self {
        Self { folder: TempDir::new_in(folder()).unwrap(), database }
    }

    /// The least there is to set: the rest are defaults.
    fn variables(&self) -> BTreeMap<String, String> {
        match self.database.engine {
            Engine::Sqlite => BTreeMap::new(),
            Engine::Postgres => [("DATABASE_URL".to_owned(), self.database.url.clone())].into(),
        }
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Where the database is, in the words of `DATABASE_URL`.
    pub fn url(&self) -> String {
        match self.database.engine {
            Engine::Sqlite => format!("sqlite://{}", self.file("data/crm.db").display()),
            Engine::Postgres => self.database.url.clone(),
        }
    }

    /// The command with these arguments, and these variables and no others.
    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Program::command(self.folder.path(), &self.variables(), arguments);
        command.envs(variables.iter().copied());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
        Program::start(self.command(arguments, variables), "").outcome()
    }

    /// Runs a command to its end, with this on standard input.
    fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        Program::start(self.command(arguments, &[]), input).outcome()
    }

    /// Starts a server on a free port and waits until it is ready.
    pub async fn serve(&self, variables: &[(&str, &str)]) -> Server {
        let server = self.spawn(variables);
        server.is_ready().await;
        server
    }

    /// Starts a server whose administrator has the tests' password.
    pub async fn serve_with_password(&self, variables: &[(&str, &str)]) -> Server {
        self.serve(&[&[("ADMIN_PASSWORD", PASSWORD)], variables].concat()).await
    }

    /// Starts a server on a free port.
    pub fn spawn(&self, variables: &[(&str, &str)]) -> Server {
        self.spawn_at(&free_address(), variables)
    }

    /// Starts a server on this address, where another has been.
    pub fn spawn_at(&self, bind: &str, variables: &[(&str, &str)]) -> Server {
        let variables = [&[("BIND", bind), ("WORKERS", "1")], variables].concat();
        Server::start(self.command(&[], &variables), bind)
    }

    /// The texts of a column, or of several put together.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        use sqlx::{AssertSqlSafe, Connection};
        let sql = AssertSqlSafe(sql.to_owned());
        match self.database.engine {
            Engine::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&self.url()).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
            Engine::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&self.database.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
        }
    }

    /// Changes the database behind the program's back, which must not run.
    pub async fn execute(&self, sql: &str) {
        use sqlx::{AssertSqlSafe, Connection};
        let sql = AssertSqlSafe(sql.to_owned());
        match self.database.engine {
            Engine::Sqlite => {
                let url = format!("sqlite://{}", self.file("data/crm.db").display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::query(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Engine::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&self.database.url).await.unwrap();
                sqlx::query(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

/// An address that nobody listens on.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Polls until something is there.
#[track_caller]
fn patiently<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a stream said so far, read by a thread of its own.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn by(mut stream: impl Read + Send + 'static) -> (Self, thread::JoinHandle<()>) {
        let said = Self::default();
        let kept = said.clone();
        let reading = thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut part) {
                kept.0.lock().unwrap().extend_from_slice(&part[..length]);
            }
        });
        (said, reading)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A child process that does not outlive its test.
pub struct Program {
    child: Child,
    out: Said,
    err: Said,
    reading: Vec<thread::JoinHandle<()>>,
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Program {
    /// The command with these arguments, in this folder, and these variables and no others.
    pub fn command(folder: &Path, variables: &BTreeMap<String, String>, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_telecom-crm-under-test"));
        command.args(arguments).current_dir(folder).env_clear().envs(variables);
        command
    }

    fn start(mut command: Command, input: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // whoever does not read it has ended already
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        let (out, reading_out) = Said::by(child.stdout.take().unwrap());
        let (err, reading_err) = Said::by(child.stderr.take().unwrap());
        Self { child, out, err, reading: vec![reading_out, reading_err] }
    }

    /// Sends a signal by its name.
    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end.
    #[track_caller]
    fn outcome(mut self) -> Outcome {
        let status = patiently("the program's end", || self.child.try_wait().unwrap());
        // a child of the child may still hold the streams; nothing here has one
        self.reading.drain(..).for_each(|reading| reading.join().unwrap());
        Outcome { status, out: self.out.text(), err: self.err.text() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

impl Outcome {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!((self.status.code(), self.status.signal()), (Some(code), None), "{self:?}");
        self
    }
}

/// A server in a process of its own.
pub struct Server {
    program: Program,
    pub bind: String,
}

impl Server {
    /// Starts it by this command, which says where it listens.
    pub fn start(command: Command, bind: &str) -> Self {
        Self { program: Program::start(command, ""), bind: bind.to_owned() }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.bind)
    }

    /// Waits until it can serve.
    pub async fn is_ready(&self) {
        let client = Client::new(&self.base(), None);
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = client.request(reqwest::Method::GET, "/health/ready").send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            assert!(Instant::now() < end, "it does not get ready: {}", self.program.err.text());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn sign_in(&self, username: &str, password: &str) -> Client {
        let body = serde_json::json!({"username": username, "password": password});
        let tokens = Client::new(&self.base(), None).post("/auth/login", body).await.expect(200);
        Client::new(&self.base(), tokens["access"].as_str())
    }

    /// The first administrator, whose password is the tests'.
    pub async fn admin(&self) -> Client {
        self.sign_in("admin", PASSWORD).await
    }

    /// The password that was shown, if one was.
    fn shown_password(&self) -> Option<String> {
        let out = self.program.out.text();
        out.lines().find_map(|line| line.trim().strip_prefix("password:").map(|password| password.trim().to_owned()))
    }

    /// Ends it as a power cut does: SIGKILL, and no word.
    pub fn kill(self) {
        drop(self);
    }

    /// Ends it as an operator does.
    #[track_caller]
    pub fn stop(self) -> Outcome {
        self.program.signal("TERM");
        self.program.outcome().expect(0)
    }
}
