//! Fresh databases, copied from a migrated template that each engine creates once.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
    time::Duration,
};

use kernel::Clock;
use server::{assembly, settings::Settings};
use sqlx::{Connection, PgConnection, SqliteConnection};

use super::{PASSWORD, START, cheap, proxy::Address, unique};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A database for one test.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    pub url: String,
    pub engine: Engine,
    name: String,
}

impl TestDatabase {
    /// A copy of the migrated template; `None` if PostgreSQL is not available.
    pub fn fresh(engine: Engine) -> Option<Self> {
        let name = format!("crm_test_{}_{}", std::process::id(), unique());
        match engine {
            Engine::Sqlite => {
                let path = folder().join(format!("{name}.db"));
                std::fs::copy(sqlite_template(), &path).unwrap();
                Some(Self { url: format!("sqlite://{}", path.display()), engine, name })
            }
            Engine::Postgres => {
                let server = postgres()?;
                let used = USED.lock().unwrap().pop();
                let name = used.unwrap_or_else(|| {
                    on_server(
                        server,
                        &format!("CREATE DATABASE {name} TEMPLATE {}", postgres_template(server)),
                    );
                    name
                });
                Some(Self { url: database_url(server, &name), engine, name })
            }
        }
    }

    /// An empty database, without any tables.
    pub fn empty(engine: Engine) -> Option<Self> {
        Self::made_with(engine, "")
    }

    /// An empty PostgreSQL database whose locale knows no letters but those of ASCII.
    pub fn without_a_language() -> Option<Self> {
        Self::made_with(Engine::Postgres, "ENCODING 'UTF8' LOCALE 'C'")
    }

    fn made_with(engine: Engine, options: &str) -> Option<Self> {
        let name = format!("crm_test_{}_{}", std::process::id(), unique());
        match engine {
            Engine::Sqlite => Some(Self {
                url: format!("sqlite://{}", folder().join(format!("{name}.db")).display()),
                engine,
                name,
            }),
            Engine::Postgres => {
                let server = postgres()?;
                on_server(server, &format!("CREATE DATABASE {name} TEMPLATE template0 {options}"));
                Some(Self { url: database_url(server, &name), engine, name })
            }
        }
    }

    /// The variables for a server on this database.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let files = format!("file://{}", self.files().display());
        let pairs = [
            ("DATABASE_URL", self.url.as_str()),
            ("ATTACHMENTS_URL", files.as_str()),
            ("JWT_SECRET", "a secret of the tests, and of nobody else"),
            ("ADMIN_PASSWORD", PASSWORD),
            ("WORKERS", "1"),
            ("SIGN_INS_PER_MINUTE", "100000"),
            ("LOG_LEVEL", "warn"),
            ("ACCESS_TOKEN_MINUTES", "1440"),
            ("GATEWAYS", "sandbox"),
            ("GATEWAY_SANDBOX_SECRET", "the key of a sandbox of the tests"),
            ("TERMINAL_KEY", "the key of the terminals of the tests"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// The directory for this database's files.
    pub fn files(&self) -> PathBuf {
        folder().join(format!("{}.files", self.name))
    }

    pub fn settings(&self) -> Settings {
        Settings::read(&self.variables()).unwrap()
    }

    /// The address of this database's server.
    pub fn address(&self) -> Address {
        let (_, rest) = self.url.split_once("://").unwrap();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let host = host.split(['/', '?']).next().unwrap();
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "5432"));
        match self.url.split_once("host=") {
            Some((_, folder)) => {
                Address::Unix(format!("{}/.s.PGSQL.{port}", folder.split('&').next().unwrap()))
            }
            None => Address::Tcp(format!("{name}:{port}")),
        }
    }

    /// The URL of this database through a local port.
    pub fn url_through(&self, port: u16) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap();
        let user = rest.rsplit_once('@').map(|(user, _)| format!("{user}@")).unwrap_or_default();
        // a proxy cannot speak TLS
        format!("{scheme}://{user}127.0.0.1:{port}/{}?sslmode=disable", self.name)
    }

    /// Removes the settings of record, so that a server with others may start.
    pub async fn forget_what_it_was_made_for(&self) {
        let sql = "DELETE FROM settings_of_record";
        match self.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Engine::Postgres => execute(&self.url, sql).await,
        }
    }

    /// Restores a PostgreSQL database and offers it to other tests,
    /// because creating and dropping one takes longer than most tests.
    ///
    /// Requires that no connection is open and that its tables are those of the template.
    pub async fn give_back(&self) {
        let _none_there = std::fs::remove_dir_all(self.files());
        if self.engine == Engine::Postgres {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            // every scenario is also a test that all transactions lock rows in the same order
            assert_eq!(
                deadlocks(&mut connection, &self.name).await,
                0,
                "transactions of this scenario have deadlocked"
            );
            // needs a superuser
            let restored = sqlx::query("SELECT pristine.restore()").execute(&mut connection).await.is_ok();
            connection.close().await.unwrap();
            if restored {
                USED.lock().unwrap().push(self.name.clone());
                return;
            }
        }
        self.remove().await;
    }

    /// Removes the database, in which no transactions may have deadlocked.
    pub async fn remove(&self) {
        let _none_there = std::fs::remove_dir_all(self.files());
        match self.engine {
            Engine::Sqlite => {
                for end in ["", "-wal", "-shm", "-migrate.lock"] {
                    let _gone_already = std::fs::remove_file(folder().join(format!("{}.db{end}", self.name)));
                }
            }
            Engine::Postgres => {
                if let Some(server) = postgres() {
                    // not to the database itself, which may take no connections
                    let mut connection = PgConnection::connect(server).await.unwrap();
                    end_connections(&mut connection, &self.name).await;
                    let deadlocks = deadlocks(&mut connection, &self.name).await;
                    connection.close().await.unwrap();
                    assert_eq!(deadlocks, 0, "transactions in {} have deadlocked", self.name);
                    execute(server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await;
                }
            }
        }
    }
}

/// The number of deadlocks that PostgreSQL has resolved in this database.
///
/// A process reports its figures when it ends at the latest, so all connections must have been closed.
async fn deadlocks(connection: &mut PgConnection, name: &str) -> i64 {
    let sql = "SELECT COALESCE(MAX(deadlocks), 0) FROM pg_stat_database WHERE datname = $1";
    sqlx::query_scalar(sql).bind(name).fetch_one(connection).await.unwrap()
}

/// Ends the connections of programs that were killed or that lost them, and waits until their processes have
/// ended.
async fn end_connections(connection: &mut PgConnection, name: &str) {
    let sql = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = $1 AND backend_type = 'client backend'";
    for _ in 0..1000 {
        let open: i64 = sqlx::query_scalar(sql).bind(name).fetch_one(&mut *connection).await.unwrap();
        if open == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Restored PostgreSQL databases for reuse.
static USED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Functions that restore the content of a database:
/// they delete new rows and restore changed and deleted rows.
const PRISTINE: &str = "CREATE SCHEMA pristine; \
    CREATE FUNCTION pristine.keep() RETURNS void LANGUAGE plpgsql AS $$ DECLARE t record; BEGIN \
        FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \
        LOOP \
            EXECUTE format('CREATE TABLE pristine.%I AS TABLE public.%I', t.relname, t.relname); \
        END LOOP; \
        CREATE TABLE pristine.\"last values\" AS SELECT sequencename AS name, last_value AS value \
            FROM pg_sequences WHERE schemaname = 'public'; \
    END $$; \
    CREATE FUNCTION pristine.restore() RETURNS void LANGUAGE plpgsql \
    SET session_replication_role = replica AS $$ DECLARE t record; BEGIN \
        FOR t IN SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace \
            AND relkind = 'r' AND pg_relation_size(oid) > 0 \
        LOOP \
            IF pg_relation_size(t.oid) > 1000000 THEN \
                EXECUTE format('TRUNCATE public.%I CASCADE', t.relname); \
            ELSE \
                EXECUTE format('DELETE FROM public.%I', t.relname); \
            END IF; \
        END LOOP; \
        FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'pristine'::regnamespace \
            AND relkind = 'r' AND pg_relation_size(oid) > 0 AND relname <> 'last values' \
        LOOP \
            EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE \
                SELECT * FROM pristine.%I', t.relname, t.relname); \
        END LOOP; \
        PERFORM setval(format('public.%I', name)::regclass, COALESCE(value, 1), value IS NOT NULL) \
            FROM pristine.\"last values\"; \
    END $$; \
    SELECT pristine.keep()";

/// The directory of database files, in memory where possible: on a busy disk a commit could take longer
/// than the server waits, and no test needs data to survive a power failure. Removes what earlier test
/// runs left there.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let in_memory = Path::new("/dev/shm/telecom-crm-tests");
        let own = in_memory.join(std::process::id().to_string());
        if std::fs::create_dir_all(&own).is_err() {
            return env!("CARGO_TARGET_TMPDIR").into();
        }
        for other in std::fs::read_dir(in_memory).unwrap().flatten() {
            if !Path::new("/proc").join(other.file_name()).exists() {
                let _somebody_else_was_first = std::fs::remove_dir_all(other.path());
            }
        }
        own
    })
}

/// The PostgreSQL server for tests. Prints once to standard error which engines are tested.
fn postgres() -> Option<&'static str> {
    static SERVER: OnceLock<Option<String>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            #[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
            let (given, required) =
                (std::env::var("TEST_POSTGRES_URL").ok(), std::env::var("REQUIRE_POSTGRES").is_ok());
            let candidates = match given {
                Some(url) => vec![url],
                None => ["postgres", "root"]
                    .iter()
                    .flat_map(|user| {
                        [
                            format!("postgres://{user}@localhost/postgres?host=/var/run/postgresql"),
                            format!("postgres://{user}@127.0.0.1:5432/postgres"),
                        ]
                    })
                    .collect(),
            };
            let found = candidates.into_iter().find(|url| answers(url));
            // direct, because the test runner captures the output of passing tests
            let line = match &found {
                Some(_) => "engines under test: SQLite and PostgreSQL\n",
                None => {
                    "engines under test: SQLite only; PostgreSQL is unavailable (set TEST_POSTGRES_URL), \
                     its tests pass without running\n"
                }
            };
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            assert!(found.is_some() || !required, "REQUIRE_POSTGRES is set and PostgreSQL is unavailable");
            found
        })
        .as_deref()
}

fn answers(url: &str) -> bool {
    let url = url.to_owned();
    apart(async move || {
        matches!(tokio::time::timeout(Duration::from_secs(3), PgConnection::connect(&url)).await, Ok(Ok(_)))
    })
}

/// The URL of another database on the given server.
fn database_url(server: &str, name: &str) -> String {
    let (before_query, query) =
        server.split_once('?').map_or((server, String::new()), |(url, query)| (url, format!("{query}&")));
    let (host, _) = before_query.rsplit_once('/').unwrap();
    // on a busy disk a commit could take longer than the server waits, and no test simulates a power failure
    format!("{host}/{name}?{query}options[synchronous_commit]=off")
}

async fn execute(server: &str, sql: &str) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.unwrap();
}

fn on_server(server: &str, sql: &str) {
    let (server, sql) = (server.to_owned(), sql.to_owned());
    apart(async move || execute(&server, &sql).await);
}

/// Runs async work from a test without an async runtime.
fn apart<T: Send + 'static>(work: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work())
    })
    .join()
    .unwrap()
}

fn sqlite_template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = format!("crm_test_template_{}_{}", schema::SCHEMA.fingerprint(), std::process::id());
        let database = TestDatabase {
            url: format!("sqlite://{}", folder().join(format!("{name}.db")).display()),
            engine: Engine::Sqlite,
            name,
        };
        fill(&database);
        // it is copied without its log
        assert!(
            !folder().join(format!("{}.db-wal", database.name)).exists(),
            "a closed database is one file"
        );
        folder().join(format!("{}.db", database.name))
    })
}

/// Creates the template once for all test runs with an equal schema:
/// the first creates it, others wait, and an incomplete one is created anew.
fn postgres_template(server: &str) -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = format!("crm_test_template_{}_{}", schema::SCHEMA.fingerprint(), content_fingerprint());
        let template =
            TestDatabase { url: database_url(server, &name), engine: Engine::Postgres, name: name.clone() };
        let server = server.to_owned();
        apart(async move || {
            let mut lock = PgConnection::connect(&server).await.unwrap();
            sqlx::query("SELECT pg_advisory_lock(7234501)").execute(&mut lock).await.unwrap();
            if server.contains("localhost") || server.contains("127.0.0.1") {
                drop_left(&mut lock).await;
            }
            let finished: Option<(Option<String>,)> = sqlx::query_as(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1",
            )
            .bind(&template.name)
            .fetch_optional(&mut lock)
            .await
            .unwrap();
            if finished.and_then(|(words,)| words).as_deref() != Some("finished") {
                execute(&server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", template.name)).await;
                execute(&server, &format!("CREATE DATABASE {} TEMPLATE template0", template.name)).await;
                let filled = template.clone();
                tokio::task::spawn_blocking(move || fill(&filled)).await.unwrap();
                let mut connection = PgConnection::connect(&template.url).await.unwrap();
                sqlx::raw_sql(PRISTINE).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                execute(&server, &format!("COMMENT ON DATABASE {} IS 'finished'", template.name)).await;
            }
            lock.close().await.unwrap();
        });
        name
    })
}

/// Drops databases of finished test runs on this machine:
/// restored ones, and those of failed tests.
async fn drop_left(connection: &mut PgConnection) {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE datname ~ '^crm_test_[0-9]+_[0-9]+$'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    for name in names {
        let process = name.split('_').nth(2).unwrap();
        if !Path::new("/proc").join(process).exists() {
            // it may still be in use
            let _in_use =
                sqlx::query(&format!("DROP DATABASE IF EXISTS {name}")).execute(&mut *connection).await;
        }
    }
}

/// Covers the other content of the template: the permissions and their default roles,
/// from which the built-in roles are created, and the restore functions.
fn content_fingerprint() -> u32 {
    let words = acl::Permission::ALL
        .iter()
        .flat_map(|permission| format!("{permission} {:?};", permission.default_roles()).into_bytes());
    let words = words.chain(PRISTINE.bytes());
    words.fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))
}

/// Migrates a database and creates the built-in roles and the administrator.
fn fill(database: &TestDatabase) {
    let settings = database.settings();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let opened =
                assembly::open(settings, Clock::manual(START.parse().unwrap()), cheap()).await.unwrap();
            opened.state.db.close().await;
        });
    })
    .join()
    .unwrap();
}
