//! The programs beside this one, where they are installed: nginx before it, PgBouncer behind it.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;

use super::{PATIENCE, Place, free_address, program};
use crate::harness::{Client, Engine, PASSWORD, TestDatabase, id};

/// The path of a program, if it is installed; `REQUIRE_NEIGHBOURS` makes that a must.
fn installed(name: &str) -> Option<String> {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| format!("{folder}/{name}"))
        .find(|path| Path::new(path).exists());
    #[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
    let required = std::env::var("REQUIRE_NEIGHBOURS").is_ok();
    assert!(found.is_some() || !required, "{name} is not installed");
    found
}

/// A process that is ended with its test.
struct Neighbour(Child);

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

async fn listens(address: &str) {
    let end = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(address).is_err() {
        assert!(Instant::now() < end, "nothing listens on {address}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[program]
async fn nginx_starts_with_our_file_compresses_json_and_lets_tags_and_streams_through(place: &Place) {
    let Some(nginx) = installed("nginx") else { return };
    let file = include_str!("../../deploy/nginx.conf");
    let path = place.file("as-it-is.conf");
    fs::write(&path, file.replace("/dev/stdout", "/dev/null")).unwrap();
    let tested = Command::new(&nginx).args(["-t", "-q", "-c"]).arg(&path).output().unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));

    let outside = free_address();
    let server = place.serve_with_password(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let (_, port) = outside.rsplit_once(':').unwrap();
    let here = file
        .replace("listen 8080", &format!("listen 127.0.0.1:{port}"))
        .replace("set $api api:8000", &format!("set $api {}", server.bind))
        .replace("/dev/stdout", "access.log")
        .replace("worker_processes auto;", "worker_processes 1; daemon off; pid nginx.pid;");
    assert!(here.contains(&server.bind) && here.contains(port));
    fs::write(place.file("nginx.conf"), here).unwrap();
    let log = place.file("error.log");
    let proxy = Command::new(&nginx)
        .args(["-p", place.file(".").to_str().unwrap(), "-c", "nginx.conf", "-e", log.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _proxy = Neighbour(proxy);
    listens(&outside).await;

    let base = format!("http://{outside}");
    let tokens = Client::new(&base, None)
        .post("/auth/login", json!({"username": "admin", "password": PASSWORD}))
        .await
        .expect(200);
    let admin = Client::new(&base, tokens["access"].as_str());
    let document =
        admin.request(Method::GET, "/openapi.json").header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(document.headers()["content-encoding"], "gzip");
    let (packed, plain) =
        (document.bytes().await.unwrap().len(), admin.get("/openapi.json").await.text.len());
    assert!(packed * 5 < plain, "{packed} of {plain}");
    // the tag of a compressed response is weak, and is taken as the one of the API
    let tariff = json!({
        "name": "Старт", "tariff_type": "prepaid", "monthly_fee": "1.00", "description": "Слова. ".repeat(100)
    });
    let tariff = format!("/tariffs/{}", id(&admin.post("/tariffs", tariff).await.expect(201)));
    let packed = admin.request(Method::GET, &tariff).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let tag = packed.headers()["etag"].to_str().unwrap().to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    admin.with("If-None-Match", &tag).get(&tariff).await.expect(304);
    let shorter = json!({"description": "Слова."});
    admin.with("If-Match", &tag).patch(&tariff, shorter.clone()).await.expect(200);
    admin.with("If-Match", &tag).patch(&tariff, shorter).await.refused(412, "stale_version");
    // links are those of the proxy, and the address is the client's
    let users = admin.get("/users?page_size=1&page=1").await.expect(200);
    assert_eq!(users["count"], 1);
    // a stream arrives piece by piece
    let mut stream =
        admin.request(Method::GET, "/events").header("Accept", "text/event-stream").send().await.unwrap();
    assert!(stream.headers().get("content-encoding").is_none());
    let piece = tokio::time::timeout(PATIENCE, stream.chunk()).await.expect("a piece arrives").unwrap();
    assert!(piece.is_some());
    drop(stream);
    drop(_proxy);
    server.stop();
}

/// A PgBouncer before the server of the tests, in this mode.
async fn pooler(place: &Place, program: &str, mode: &str) -> (Neighbour, String) {
    let (scheme, rest) =
        place.url().split_once("://").map(|(scheme, rest)| (scheme.to_owned(), rest.to_owned())).unwrap();
    let (user, at) = rest.split_once('@').unwrap();
    let (host, query) = at.split_once('?').unwrap_or((at, ""));
    let (host, name) = host.split_once('/').unwrap();
    let folder = query.split('&').find_map(|pair| pair.strip_prefix("host="));
    let (host, port) = host.split_once(':').unwrap_or((host, "5432"));
    let bind = free_address();
    let (_, own_port) = bind.rsplit_once(':').unwrap();
    // a session has a connection of its own, of which the program opens 16; a transaction has one while it lasts
    let connections = if mode == "session" { 16 } else { 10 };
    let settings = format!(
        "[databases]\n{name} = host={} port={port} dbname={name}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {own_port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {connections}\n\
         ignore_startup_parameters = options, extra_float_digits\n",
        folder.unwrap_or(host)
    )
    // with this kind of authentication all connections are those of one user
    .replace(&format!("dbname={name}\n"), &format!("dbname={name} user={user}\n"));
    let path = place.file(&format!("{mode}.ini"));
    fs::write(&path, settings).unwrap();
    let mut command = Command::new(program);
    // it refuses to run as the superuser
    if is_superuser() {
        command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", program]);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        fs::set_permissions(place.file("."), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let log = fs::File::create(place.file(&format!("{mode}.log"))).unwrap();
    let child = command.arg(&path).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let running = Neighbour(child);
    listens(&bind).await;
    (running, format!("{scheme}://{user}@{bind}/{name}?sslmode=disable"))
}

fn is_superuser() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[test]
fn behind_pgbouncer_everything_works_in_either_mode_with_the_same_limits_of_time() {
    let Some(program) = installed("pgbouncer") else { return };
    for (mode, pooler_setting) in [("session", "session"), ("transaction", "transaction")] {
        let Some(database) = TestDatabase::empty(Engine::Postgres) else { return };
        actix_web::rt::System::new().block_on(async {
            let place = Place::new(database);
            let (user, _) = place.database.url.split_once("://").unwrap().1.split_once('@').unwrap();
            let name = place.database.url.split(['/', '?']).nth(3).unwrap().to_owned();
            let (pooler, url) = pooler(&place, &program, mode).await;
            let set = [("DATABASE_URL", url.as_str()), ("DATABASE_POOLER", pooler_setting)];
            // without the limits it does not start, and says what to do
            let refused = place.run(&["migrate"], &set).expect(1);
            assert!(
                refused.err.starts_with("DATABASE_URL: the limits of the sessions do not reach the server")
                    && refused.err.contains(&format!("ALTER ROLE {user} SET lock_timeout = '2s'")),
                "{refused:?}"
            );
            // as the documentation says, but for this database only, since the role is that of all tests
            for setting in
                ["lock_timeout = '2s'", "idle_in_transaction_session_timeout = '60s'", "TimeZone = 'UTC'"]
            {
                place.execute(&format!("ALTER ROLE {user} IN DATABASE {name} SET {setting}")).await;
            }
            drop(pooler);
            let (pooler, url) = self::pooler(&place, &program, mode).await;
            let set = [("DATABASE_URL", url.as_str()), ("DATABASE_POOLER", pooler_setting)];
            works(&place, &set).await;
            drop(pooler);
            place.database.remove().await;
        });
    }
}

/// A day at the office, by many at once, with a lock that somebody holds.
async fn works(place: &Place, set: &[(&str, &str)]) {
    let server = place.serve_with_password(set).await;
    let admin = server.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "1000.00").await;
    admin.activate(contract).await;
    let cash = json!({"contract_id": contract, "amount": "1.00", "payment_method": "cash"});
    let many = futures_util::future::join_all((0..40).map(async |n: i32| match n % 4 {
        0 => admin.post("/payments", cash.clone()).await.expect(201),
        1 => admin.get("/customers?search=иванов").await.expect(200),
        2 => admin.get(&format!("/contracts/{contract}")).await.expect(200),
        _ => admin.get("/payments?ordering=-id").await.expect(200),
    }));
    many.await;
    assert_eq!(admin.contract(contract).await["balance"], "410.00");

    // a row that somebody else has locked: the wait ends after two seconds, not never
    use sqlx::{Connection, Executor};
    let mut other = sqlx::PgConnection::connect(&place.database.url).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    other
        .execute(format!("SELECT id FROM contracts WHERE id = {contract} FOR UPDATE").as_str())
        .await
        .unwrap();
    let begun = Instant::now();
    let refused = admin.post("/payments", cash.clone()).await;
    assert!((1..4).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    refused.refused(503, "database_away");
    other.execute("ROLLBACK").await.unwrap();
    admin.post("/payments", cash).await.expect(201);
    other.close().await.unwrap();
    server.stop();
    place.run(&["billing", "run"], set).expect(0);
    place.run(&["verify"], set).expect(0);
}
