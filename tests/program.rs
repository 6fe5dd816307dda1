//! The program itself, started as an operator starts it.

mod billing;
mod commands;
mod jobs;
mod neighbours;
mod quickstart;
mod recipes;
mod record;
mod refusals;
mod seeding;
mod serving;
mod settings;
mod signing_in;
mod standing_still;
mod starting;
mod stopping;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

pub use scenario::program;
use tempfile::TempDir;

use crate::harness::{Client, Engine, PASSWORD, TestDatabase, folder};

/// The longest wait for anything the program does.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(engine: Engine, scene: impl AsyncFn(&Place)) {
    let Some(database) = TestDatabase::empty(engine) else { return };
    actix_web::rt::System::new().block_on(async {
        let place = Place::new(database);
        scene(&place).await;
        place.database.remove().await;
    });
}

/// A working directory and an empty database; on SQLite the default one, `data/crm.db` in the directory.
pub struct Place {
    folder: TempDir,
    database: TestDatabase,
}

impl Place {
    fn new(database: TestDatabase) -> Self {
        Self { folder: TempDir::new_in(folder()).unwrap(), database }
    }

    /// The minimal settings; everything else has its default.
    fn variables(&self) -> BTreeMap<String, String> {
        match self.database.engine {
            Engine::Sqlite => BTreeMap::new(),
            Engine::Postgres => [("DATABASE_URL".to_owned(), self.database.url.clone())].into(),
        }
    }

    pub fn engine(&self) -> Engine {
        self.database.engine
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The value of `DATABASE_URL`.
    pub fn url(&self) -> String {
        match self.database.engine {
            Engine::Sqlite => format!("sqlite://{}", self.file("data/crm.db").display()),
            Engine::Postgres => self.database.url.clone(),
        }
    }

    /// A command with these arguments and only these variables.
    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Program::command(self.folder.path(), &self.variables(), arguments);
        command.envs(variables.iter().copied());
        command
    }

    /// Runs a command until it exits.
    pub fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
        Program::start(self.command(arguments, variables), "").outcome()
    }

    /// Runs a command until it exits, with this standard input.
    fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        Program::start(self.command(arguments, &[]), input).outcome()
    }

    /// Starts a server on a free port and waits until it is ready.
    pub async fn serve(&self, variables: &[(&str, &str)]) -> Server {
        let server = self.spawn(variables);
        server.is_ready().await;
        server
    }

    /// Starts a server whose administrator has the password of the tests.
    pub async fn serve_with_password(&self, variables: &[(&str, &str)]) -> Server {
        self.serve(&[&[("ADMIN_PASSWORD", PASSWORD)], variables].concat()).await
    }

    /// Starts a server on a free port.
    pub fn spawn(&self, variables: &[(&str, &str)]) -> Server {
        self.spawn_at(&free_address(), variables)
    }

    /// Starts a server on an address where another server ran before.
    pub fn spawn_at(&self, bind: &str, variables: &[(&str, &str)]) -> Server {
        let variables = [&[("BIND", bind), ("WORKERS", "1")], variables].concat();
        Server::start(self.command(&[], &variables), bind)
    }

    /// Starts a server that survives a limit on the size of files, with the password of the tests.
    ///
    /// The signal of the limit is ignored, so that a write beyond it fails as on a full disk.
    pub async fn serve_under_a_limit(&self) -> Server {
        let bind = free_address();
        let plain = self.command(&[], &[("BIND", &bind), ("WORKERS", "1"), ("ADMIN_PASSWORD", PASSWORD)]);
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\""])
            .arg(plain.get_program())
            .current_dir(self.folder.path())
            .env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let server = Server::start(command, &bind);
        server.is_ready().await;
        server
    }

    /// The text column of a query.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        use sqlx::Connection;
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

    /// Executes SQL directly; the program must not be running.
    pub async fn execute(&self, sql: &str) {
        use sqlx::Connection;
        match self.database.engine {
            Engine::Sqlite => {
                let url = format!("sqlite://{}", self.file("data/crm.db").display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Engine::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&self.database.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

/// An address on which nothing listens.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Polls until there is a value.
#[track_caller]
fn patiently<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "no {what} in time");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The output of a stream so far, read by a separate thread.
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

/// A child process that is killed when its test ends.
pub struct Program {
    child: Child,
    out: Said,
    err: Said,
    reading: Vec<thread::JoinHandle<()>>,
}

/// The exit status and output of a program.
#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Program {
    /// A command in this directory, with these arguments and only these variables.
    pub fn command(folder: &Path, variables: &BTreeMap<String, String>, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_telecom-crm-under-test"));
        command.args(arguments).current_dir(folder).env_clear().envs(variables);
        command
    }

    fn start(command: Command, input: &str) -> Self {
        let (program, mut stdin) = Self::open(command);
        // a program that does not read its input may have exited already
        let _unread = stdin.write_all(input.as_bytes());
        program
    }

    /// Starts a program whose input comes later.
    fn open(mut command: Command) -> (Self, ChildStdin) {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let (out, reading_out) = Said::by(child.stdout.take().unwrap());
        let (err, reading_err) = Said::by(child.stderr.take().unwrap());
        (Self { child, out, err, reading: vec![reading_out, reading_err] }, stdin)
    }

    /// Sends a signal by name.
    fn signal(&self, name: &str) {
        let sent =
            Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the program exits.
    #[track_caller]
    fn outcome(mut self) -> Outcome {
        let status = patiently("exit", || self.child.try_wait().unwrap());
        // a child of the child could keep the streams open, but no program here has one
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

/// A server process.
pub struct Server {
    program: Program,
    pub bind: String,
}

impl Server {
    /// Starts this command, which listens on `bind`.
    pub fn start(command: Command, bind: &str) -> Self {
        Self { program: Program::start(command, ""), bind: bind.to_owned() }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.bind)
    }

    /// Limits the size of the files that it writes, or removes the limit.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let limit = format!("--fsize={limit}:unlimited");
        let set = Command::new("prlimit")
            .args(["--pid", &self.program.child.id().to_string(), &limit])
            .status()
            .unwrap();
        assert!(set.success());
    }

    /// Waits until the server is ready.
    pub async fn is_ready(&self) {
        let client = Client::new(&self.base(), None);
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = client.request(reqwest::Method::GET, "/health/ready").send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            assert!(Instant::now() < end, "the server is not ready: {}", self.program.err.text());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn sign_in(&self, username: &str, password: &str) -> Client {
        let body = serde_json::json!({"username": username, "password": password});
        let tokens = Client::new(&self.base(), None).post("/auth/login", body).await.expect(200);
        Client::new(&self.base(), tokens["access"].as_str())
    }

    /// The first administrator, signed in with the password of the tests.
    pub async fn admin(&self) -> Client {
        self.sign_in("admin", PASSWORD).await
    }

    /// The generated password, if the program printed one.
    fn shown_password(&self) -> Option<String> {
        let out = self.program.out.text();
        out.lines()
            .find_map(|line| line.trim().strip_prefix("password:").map(|password| password.trim().to_owned()))
    }

    /// Kills the server with SIGKILL, as in a power failure.
    pub fn kill(self) {
        drop(self);
    }

    /// Stops the server as an operator would.
    #[track_caller]
    pub fn stop(self) -> Outcome {
        self.program.signal("TERM");
        self.program.outcome().expect(0)
    }
}
