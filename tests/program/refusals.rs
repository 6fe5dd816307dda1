//! What the program says when it cannot start: one sentence with the setting or the path, the cause and the remedy.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use super::{Outcome, Place, Program, free_address};
use crate::harness::{Engine, TestDatabase};

fn place() -> Place {
    Place::new(TestDatabase::empty(Engine::Sqlite).unwrap())
}

/// Checks that the outcome is one sentence for people, and returns it.
#[track_caller]
fn sentence(outcome: &Outcome) -> String {
    let lines: Vec<&str> = outcome.err.lines().filter(|line| !line.contains(" WARN ")).collect();
    let [line] = lines[..] else { panic!("not one sentence: {outcome:?}") };
    let (about, rest) = line.split_once(": ").unwrap_or_else(|| panic!("nothing is named: {line}"));
    assert!(rest.contains("; "), "no remedy: {line}");
    assert!(!about.is_empty() && outcome.out.is_empty(), "{outcome:?}");
    for word in ["os error", "request_id", ".rs:", "our side", "Error {", "panicked", "error returned from"] {
        assert!(!line.contains(word), "{word} is in: {line}");
    }
    line.to_owned()
}

/// Runs a command until it exits. For the superuser without the right to ignore permissions, which are then
/// those of the owner.
fn run_bound_by_permissions(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let plain = place.command(arguments, variables);
    if is_bound_by_permissions(place) {
        return Program::start(plain, "").outcome();
    }
    let mut command = Command::new("setpriv");
    for kind in ["--bounding-set", "--inh-caps"] {
        command.arg(format!("{kind}=-dac_override,-dac_read_search"));
    }
    command.arg(plain.get_program()).args(plain.get_args()).current_dir(place.file(".")).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Program::start(command, "").outcome()
}

/// Whether the file permissions that are tested mean something to the user of the tests.
fn is_bound_by_permissions(place: &Place) -> bool {
    let file = place.file("probe");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let is_bound = fs::File::open(&file).is_err();
    fs::remove_file(&file).unwrap();
    is_bound
}

#[test]
fn a_port_in_use_and_an_address_of_another_machine() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = taken.local_addr().unwrap().to_string();
    let outcome = place().run(&[], &[("BIND", &bind)]).expect(1);
    assert_eq!(
        sentence(&outcome),
        format!(
            "BIND: the program cannot listen on {bind} (another process uses it); end that process, or choose another port"
        )
    );
    let elsewhere = [("BIND", "192.0.2.1:8000"), ("JWT_SECRET", "a secret of the tests, and of nobody else")];
    assert_eq!(
        sentence(&place().run(&[], &elsewhere).expect(1)),
        "BIND: the program cannot listen on 192.0.2.1:8000 (this machine does not have it); name an address of this machine"
    );
}

#[test]
fn a_file_that_is_no_database_a_damaged_one_and_a_folder() {
    let place = place();
    let path = place.file("notes.txt");
    let url = format!("sqlite://{}", path.display());
    fs::write(&path, "a shopping list\n".repeat(100)).unwrap();
    let before = fs::read(&path).unwrap();
    for command in [&["serve"][..], &["migrate"], &["verify"], &["billing", "run"]] {
        let outcome = place.run(command, &[("DATABASE_URL", &url), ("BIND", &free_address())]).expect(1);
        assert_eq!(
            sentence(&outcome),
            format!(
                "DATABASE_URL ({}): the file is not an SQLite database; name another file, or move this one away",
                path.display()
            )
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    fs::create_dir(place.file("folder")).unwrap();
    let url = format!("sqlite://{}", place.file("folder").display());
    let outcome = place.run(&["migrate"], &[("DATABASE_URL", &url)]).expect(1);
    assert!(sentence(&outcome).contains("it is a folder; correct the path"), "{outcome:?}");
    let url = format!("sqlite://{}/crm.db", path.display());
    let outcome = place.run(&["migrate"], &[("DATABASE_URL", &url)]).expect(1);
    assert!(sentence(&outcome).starts_with(&format!("DATABASE_URL ({}", path.display())), "{outcome:?}");
}

#[test]
fn a_folder_and_a_file_that_may_not_be_written() {
    let place = place();
    let folder = place.file("locked");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    let file = place.file("data/crm.db");
    place.run(&["migrate"], &[]).expect(0);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    for path in [folder.join("crm.db"), file.clone()] {
        let url = format!("sqlite://{}", path.display());
        for command in [&["serve"][..], &["migrate"]] {
            let bind = free_address();
            let set = [("DATABASE_URL", url.as_str()), ("BIND", bind.as_str())];
            let outcome = run_bound_by_permissions(&place, command, &set).expect(1);
            assert_eq!(
                sentence(&outcome),
                format!(
                    "DATABASE_URL ({}): permission denied; let the user of the program write to this file and to its \
                     folder, or name another file",
                    path.display()
                )
            );
        }
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let files = format!("file://{}", folder.display());
    let bind = free_address();
    let set = [("ATTACHMENTS_URL", files.as_str()), ("BIND", bind.as_str())];
    assert_eq!(
        sentence(&run_bound_by_permissions(&place, &["serve"], &set).expect(1)),
        format!(
            "ATTACHMENTS_URL ({}): attached files cannot be stored there: permission denied; \
             let the user of the program write to this folder, or name another one",
            folder.display()
        )
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_file_system_that_is_read_only() {
    // everybody may read this file system, and nobody may make files there
    let outcome = place().run(&["migrate"], &[("DATABASE_URL", "sqlite:///proc/crm/crm.db")]).expect(1);
    assert!(sentence(&outcome).starts_with("DATABASE_URL (/proc/crm"), "{outcome:?}");
    let outcome = place()
        .run(&["serve"], &[("ATTACHMENTS_URL", "file:///proc/crm"), ("BIND", &free_address())])
        .expect(1);
    assert!(
        sentence(&outcome)
            .starts_with("ATTACHMENTS_URL (/proc/crm): attached files cannot be stored there: "),
        "{outcome:?}"
    );
}

#[test]
fn attached_files_that_cannot_be_stored() {
    let place = place();
    fs::write(place.file("file"), "").unwrap();
    let url = format!("file://{}", place.file("file").display());
    let outcome = place.run(&["serve"], &[("ATTACHMENTS_URL", &url), ("BIND", &free_address())]).expect(1);
    assert_eq!(
        sentence(&outcome),
        format!(
            "ATTACHMENTS_URL ({}): attached files cannot be stored there: it exists already; \
             let the user of the program write to this folder, or name another one",
            place.file("file").display()
        )
    );
}

#[test]
fn a_password_of_the_first_administrator_that_is_too_easy_and_a_name_that_is_none() {
    let place = place();
    let weak =
        place.run(&["serve"], &[("ADMIN_PASSWORD", "password12"), ("BIND", &free_address())]).expect(2);
    assert!(sentence(&weak).starts_with("ADMIN_PASSWORD: ") && !weak.err.contains("password12"), "{weak:?}");
    let name = place.run(&["serve"], &[("ADMIN_USERNAME", "не имя"), ("BIND", &free_address())]).expect(2);
    assert!(sentence(&name).starts_with("ADMIN_USERNAME: "), "{name:?}");
    // the database can be used with a better one
    place.run(&["create-user", "desk"], &[("ADMIN_PASSWORD", crate::harness::PASSWORD)]).expect(0);
}

/// The URL of a database with another user and name.
fn url(database: &TestDatabase, user: &str, name: &str) -> String {
    let (scheme, rest) = database.url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let (host, query) = place.split_once('?').unwrap_or((place, ""));
    let (host, _) = host.split_once('/').unwrap();
    format!("{scheme}://{user}@{host}/{name}?{query}")
}

fn name(database: &TestDatabase) -> String {
    let (before, _) = database.url.split_once('?').unwrap_or((&database.url, ""));
    before.rsplit_once('/').unwrap().1.to_owned()
}

/// Runs a scene with an empty database on the server, and a role of this name.
fn on_a_server(role: &str, scene: impl AsyncFn(&Place, &str)) {
    let Some(database) = TestDatabase::empty(Engine::Postgres) else { return };
    actix_web::rt::System::new().block_on(async {
        let place = Place::new(database);
        let role = format!("{role}_{}", std::process::id());
        place.execute(&format!("CREATE ROLE {role} LOGIN")).await;
        scene(&place, &role).await;
        place.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
        place.database.remove().await;
    });
}

/// Executes SQL apart from the database of this place, which may take no connections.
async fn on_the_server(place: &Place, sql: &str) {
    use sqlx::Connection;
    let (_, rest) = place.database.url.split_once("://").unwrap();
    let (user, _) = rest.split_once('@').unwrap();
    let server = url(&place.database, user, "postgres");
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.unwrap();
}

fn migrate(place: &Place, url: &str) -> String {
    sentence(&place.run(&["migrate"], &[("DATABASE_URL", url)]).expect(1))
}

#[test]
fn no_server_no_database_and_no_role() {
    let nobody = free_address();
    let down = format!("postgres://crm@{nobody}/crm");
    for command in [&["serve"][..], &["migrate"], &["verify"]] {
        let outcome = place().run(command, &[("DATABASE_URL", &down), ("BIND", &free_address())]).expect(1);
        assert_eq!(
            sentence(&outcome),
            format!(
                "DATABASE_URL: no PostgreSQL server at {nobody} (nothing listens there); \
                 start the server, or correct the host and the port"
            )
        );
    }
    on_a_server("crm_away", async |place, role| {
        let found = migrate(place, &url(&place.database, role, "crm_nowhere"));
        assert!(found.starts_with("DATABASE_URL: the database crm_nowhere does not exist at "), "{found}");
        let found = migrate(place, &url(&place.database, "crm_nobody", &name(&place.database)));
        assert!(
            found.starts_with("DATABASE_URL: the role crm_nobody does not exist at ")
                && found.contains("ALTER ROLE crm_nobody LOGIN"),
            "{found}"
        );
        place.execute(&format!("ALTER ROLE {role} NOLOGIN")).await;
        let found = migrate(place, &url(&place.database, role, &name(&place.database)));
        assert!(found.contains(", or may not log in; "), "{found}");
    });
}

#[test]
fn a_server_that_is_silent() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let found = migrate(&place(), &format!("postgres://crm@{at}/crm"));
    assert_eq!(
        found,
        format!(
            "DATABASE_URL: the server at {at} does not respond; start the server, or correct the host and the port"
        )
    );
}

#[test]
fn a_role_without_rights_and_a_database_that_takes_no_connections() {
    on_a_server("crm_poor", async |place, role| {
        let mine = url(&place.database, role, &name(&place.database));
        place.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
        let found = migrate(place, &mine);
        assert!(
            found.starts_with(&format!("DATABASE_URL: the role {role} may not create tables"))
                && found.contains("ALTER DATABASE"),
            "{found}"
        );
        place.execute(&format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", name(&place.database))).await;
        let found = migrate(place, &mine);
        assert!(found.contains("may not connect") && found.contains("GRANT CONNECT"), "{found}");
        let database = name(&place.database);
        // to whomever
        on_the_server(place, &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).await;
        for url in [&mine, &place.database.url] {
            assert_eq!(
                migrate(place, url),
                format!(
                    "DATABASE_URL: the database {database} takes no connections; \
                     allow them: ALTER DATABASE {database} ALLOW_CONNECTIONS true"
                )
            );
        }
        on_the_server(place, &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")).await;
        place.execute(&format!("ALTER ROLE {role} SUPERUSER")).await;
        place
            .execute(&format!(
                "ALTER DATABASE {} SET default_transaction_read_only = on",
                name(&place.database)
            ))
            .await;
        let found = migrate(place, &mine);
        assert!(found.contains("is read-only, as a replica is; name the primary server"), "{found}");
        place
            .execute(&format!(
                "SET transaction_read_only = off; ALTER DATABASE {} RESET default_transaction_read_only",
                name(&place.database)
            ))
            .await;
    });
}

#[test]
fn an_encoding_that_does_not_hold_every_name() {
    on_a_server("crm_encoded", async |place, role| {
        for encoding in ["SQL_ASCII", "KOI8R"] {
            let name = format!("crm_test_{}_{}", std::process::id(), crate::harness::unique());
            place
                .execute(&format!(
                    "CREATE DATABASE {name} OWNER {role} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
                ))
                .await;
            let found = migrate(place, &url(&place.database, role, &name));
            assert!(
                found
                    .starts_with(&format!("DATABASE_URL: the database {name} has the encoding {encoding}; "))
                    && found.contains("ENCODING 'UTF8'"),
                "{found}"
            );
            place.execute(&format!("DROP DATABASE {name}")).await;
        }
    });
}

#[test]
fn the_documentation_shows_these_sentences() {
    let operations = include_str!("../../docs/operations.md");
    for words in [
        "the program cannot listen on",
        "does not exist at",
        "or may not log in",
        "may not create tables",
        "is not an SQLite database",
        "permission denied",
        "attached files cannot be stored there",
        "a newer version of this program",
        "no PostgreSQL server at",
        "does not respond",
        "ADMIN_PASSWORD:",
        "the database was made for",
        "there is no database of this program at",
        "has the encoding",
        "is read-only, as a replica is",
        "takes no connections",
    ] {
        assert!(operations.contains(words), "docs/operations.md does not show: {words}");
    }
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let place = place();
    let program = env!("CARGO_BIN_EXE_telecom-crm-under-test");
    for arguments in ["openapi", "--help", "settings"] {
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("{program} {arguments} | head -1; echo \"${{PIPESTATUS[0]}}\"")])
            .current_dir(place.file("."))
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        let outcome = Program::start(bash, "").outcome().expect(0);
        assert!(!outcome.err.contains("panicked") && !outcome.err.contains("Broken pipe"), "{outcome:?}");
        if arguments == "openapi" {
            assert_eq!((outcome.out.as_str(), outcome.err.as_str()), ("{\n0\n", ""), "{outcome:?}");
        }
    }
}
