//! A separate server for each test, on SQLite always and on PostgreSQL if it is available.

mod client;
mod copies;
mod database;
mod proxy;
mod work;

use std::{net::TcpListener, sync::Arc};

use acl::{Granted, PasswordCost, Secret};
use api::{app, state::State};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock, Policy, country::Country};
use serde_json::{Value, json};
use server::{assembly, settings::Settings, verify};

pub use client::{Client, Reply, Request};
pub use database::{Engine, TestDatabase, folder};
pub use proxy::Proxy;
pub use scenario::scenario;
pub use work::{document, possible_path};

pub const PASSWORD: &str = "tram 17 to the lighthouse";
/// Noon in Moscow on a Saturday, on a day of the month that February does not have.
pub const START: &str = "2026-01-31T09:00:00Z";

/// A running server.
pub struct App {
    pub state: Arc<State>,
    pub settings: Settings,
    pub clock: Clock,
    pub base: String,
    pub database: TestDatabase,
}

/// A contract and the row counts of some tables, none of which a refused request may change.
#[derive(Debug, PartialEq)]
pub struct Standing {
    pub contract: Value,
    pub payments: i64,
    pub holds: i64,
    pub audit: i64,
}

/// Runs a scenario on an engine, with these variables set.
/// Skips it if PostgreSQL is not available.
pub fn run(engine: Engine, set: &[(&str, &str)], scene: impl AsyncFn(&App)) {
    if let Some(database) = TestDatabase::fresh(engine) {
        run_on(database, set, scene);
    }
}

/// Runs a scenario on a database, with these variables set.
pub fn run_on(database: TestDatabase, set: &[(&str, &str)], scene: impl AsyncFn(&App)) {
    actix_web::rt::System::new().block_on(async {
        let clock = Clock::manual(START.parse::<DateTime<Utc>>().unwrap());
        let mut variables = database.variables();
        variables.extend(set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::read(&variables).unwrap();
        let (app, stop) = App::start(database, settings, clock).await;
        scene(&app).await;
        stop.stop(false).await;
        app.flush().await;
        app.state.db.close().await;
        app.database.give_back().await;
    });
}

/// Runs a scenario on a server that reaches PostgreSQL through a proxy, with these variables set.
pub fn behind_a_proxy(database: TestDatabase, set: &[(&str, &str)], scene: impl AsyncFn(&App, &Proxy)) {
    actix_web::rt::System::new().block_on(async {
        let proxy = Proxy::start(database.address()).await;
        let mut variables = database.variables();
        variables.insert("DATABASE_URL".to_owned(), database.url_through(proxy.port));
        variables.extend(set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let clock = Clock::manual(START.parse::<DateTime<Utc>>().unwrap());
        let (app, stop) = App::start(database, Settings::read(&variables).unwrap(), clock).await;
        scene(&app, &proxy).await;
        stop.stop(false).await;
        // do not wait for dead connections
        app.database.remove().await;
    });
}

impl App {
    /// Starts a server with these settings on a free port.
    pub async fn start(
        database: TestDatabase,
        settings: Settings,
        clock: Clock,
    ) -> (Self, actix_web::dev::ServerHandle) {
        // the template was made with the default country and time zone
        let standard = Policy::standard(Country::default());
        if (settings.policy.country, settings.policy.time_zone) != (standard.country, standard.time_zone) {
            database.forget_what_it_was_made_for().await;
        }
        let opened = assembly::open(settings, clock.clone(), cheap()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = app::serve(opened.state.clone(), listener).unwrap();
        let stop = server.handle();
        actix_web::rt::spawn(server);
        (Self { state: opened.state, settings: opened.settings, clock, base, database }, stop)
    }

    /// Runs a scenario on a second server with the database and clock of this one
    /// and with these variables changed.
    pub async fn beside(&self, changes: &[(&str, &str)], scene: impl AsyncFnOnce(&App)) {
        let mut variables = self.database.variables();
        variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::read(&variables).unwrap();
        let (other, stop) = App::start(self.database.clone(), settings, self.clock.clone()).await;
        scene(&other).await;
        stop.stop(false).await;
        other.flush().await;
        other.state.db.close().await;
    }

    /// A client without a token.
    pub fn stranger(&self) -> Client {
        Client::new(&self.base, None)
    }

    /// The first administrator, signed in.
    pub async fn admin(&self) -> Client {
        self.sign_in("admin", PASSWORD).await
    }

    pub async fn sign_in(&self, username: &str, password: &str) -> Client {
        let tokens = self
            .stranger()
            .post("/auth/login", json!({"username": username, "password": password}))
            .await
            .expect(200);
        Client::new(&self.base, tokens["access"].as_str())
    }

    /// Creates a user with this role, named after it, and signs in.
    pub async fn user(&self, role: &str) -> Client {
        self.admin()
            .await
            .post("/users", json!({"username": role, "full_name": role, "role": role, "password": PASSWORD}))
            .await
            .expect(201);
        self.sign_in(role, PASSWORD).await
    }

    /// Advances the clock.
    pub fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// Starts today's billing run and completes it.
    pub async fn run_billing(&self) {
        let context = self.state.office.context("run", billing::run::ACTOR);
        let input = billing::RunInput { date: None, dry_run: false };
        let start =
            async |tx: &mut ::database::Tx| billing::run::start(tx, &Granted::system("test"), &input).await;
        let run = self.state.db.transaction(&context, start).await.unwrap();
        let run = billing::jobs::to_its_end(&self.state.office, run.id, &mut |_| {}).await.unwrap();
        assert_eq!((run.state, run.failed_count), (billing::RunState::Finished, 0));
    }

    /// The violations that `telecom-crm verify` would report, and changes that no event published; empty if
    /// there are none.
    pub async fn violations(&self) -> Vec<String> {
        self.flush().await;
        let found = verify::violations(&self.state.db, &self.context()).await.unwrap();
        let mut found: Vec<String> = found.into_iter().flat_map(|(_, found)| found).collect();
        found.extend(self.stale_copies().await);
        found
    }

    /// The number of rows of a table.
    pub async fn count(&self, table: &str) -> i64 {
        self.scalar(&format!("SELECT COUNT(*) FROM {table}")).await
    }

    /// The contract and the row counts that a refused request may not change.
    pub async fn standing(&self, client: &Client, contract: i64) -> Standing {
        Standing {
            contract: client.contract(contract).await,
            payments: self.count("payments").await,
            holds: self.count("contract_holds").await,
            audit: self.count("audit").await,
        }
    }

    /// Executes SQL, without a time limit, and returns the number of affected rows.
    pub async fn execute(&self, sql: &str) -> u64 {
        let context = self.context();
        self.state
            .db
            .patient()
            .transaction(&context, async |tx| ::database::Sql::owned(sql.to_owned()).execute(tx).await)
            .await
            .unwrap()
    }

    /// The text column of a query, for data that the API does not return.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows: Vec<(String,)> = self
            .state
            .db
            .read(&self.context(), async |conn| ::database::Sql::owned(sql.to_owned()).all(conn).await)
            .await
            .unwrap();
        rows.into_iter().map(|(text,)| text).collect()
    }

    /// The number that a query returns, for data that the API does not return.
    pub async fn scalar(&self, sql: &str) -> i64 {
        self.state
            .db
            .read(&self.context(), async |conn| ::database::Sql::owned(sql.to_owned()).scalar(conn).await)
            .await
            .unwrap()
    }
}

/// Password hashing parameters that take almost no time, for tests only.
pub fn cheap() -> PasswordCost {
    PasswordCost { memory_kib: 8, passes: 1, lanes: 1 }
}

/// A signing key for tests.
pub fn secret() -> Secret {
    Secret::new("a secret of the tests, and of nobody else".to_owned())
}

/// A number that is different in each call, for unique values.
pub fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// The id of a resource.
pub fn id(resource: &Value) -> i64 {
    resource["id"].as_i64().unwrap_or_else(|| panic!("no id in {resource}"))
}

/// A person with unique values.
pub fn person() -> Value {
    let n = unique();
    json!({
        "customer_type": "individual", "last_name": "Иванов", "first_name": "Пётр", "patronymic": "Сергеевич",
        "birth_date": "1990-05-17", "document_type": "passport", "passport_series": "4510",
        "passport_number": format!("{n:06}"), "inn": inn(n),
        "address": "Москва, ул. Лесная, 5", "phone": format!("+7916{n:07}"),
        "email": format!("ivanov{n}@example.com")
    })
}

/// A Russian tax number of a person with this number in it, and the right check digits.
pub fn inn(n: u64) -> String {
    let mut inn = format!("50{n:08}");
    for weights in [&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8][..], &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]] {
        let sum: u32 =
            inn.chars().zip(weights).map(|(digit, weight)| digit.to_digit(10).unwrap() * weight).sum();
        inn.push(char::from_digit(sum % 11 % 10, 10).unwrap());
    }
    inn
}

/// A SIM with a number, with unique values.
pub fn sim() -> Value {
    let n = unique();
    json!({
        "iccid": format!("8970101{n:012}"), "imsi": format!("25001{n:010}"), "puk_code": "12345678",
        "msisdn": format!("+7900{n:07}")
    })
}

/// A prepaid tariff with this fee and a unique name.
pub fn prepaid(fee: &str) -> Value {
    json!({"name": format!("Тариф {}", unique()), "tariff_type": "prepaid", "monthly_fee": fee})
}

impl Client {
    /// Registers a person and returns the subscriber's id.
    pub async fn customer(&self) -> i64 {
        id(&self.post("/customers", person()).await.expect(201))
    }

    /// Adds a SIM with a number and returns its id.
    pub async fn sim(&self) -> i64 {
        id(&self.post("/sims", sim()).await.expect(201))
    }

    /// Creates a prepaid tariff and returns its id.
    pub async fn prepaid_tariff(&self, fee: &str) -> i64 {
        id(&self.post("/tariffs", prepaid(fee)).await.expect(201))
    }

    /// Creates a service option with this fee for these tariffs and returns its id.
    pub async fn option(&self, fee: &str, tariffs: &[i64]) -> i64 {
        let n = unique();
        let body = json!({
            "code": format!("S{n:06}"), "name": format!("Услуга {n}"), "kind": "service", "monthly_fee": fee,
            "tariff_ids": tariffs
        });
        id(&self.post("/options", body).await.expect(201))
    }

    /// Draws up a contract with a new subscriber, SIM and prepaid tariff and returns its id.
    pub async fn draft(&self, fee: &str) -> i64 {
        let (customer, tariff, sim) =
            (self.customer().await, self.prepaid_tariff(fee).await, self.sim().await);
        id(&self
            .post("/contracts", json!({"customer_id": customer, "tariff_id": tariff, "sim_id": sim}))
            .await
            .expect(201))
    }

    /// Records a cash payment for a contract.
    pub async fn pay(&self, contract: i64, amount: &str) -> Value {
        self.post("/payments", json!({"contract_id": contract, "amount": amount, "payment_method": "cash"}))
            .await
            .expect(201)
    }

    /// Activates a contract.
    pub async fn activate(&self, contract: i64) -> Value {
        self.post(&format!("/contracts/{contract}/activate"), json!({})).await.expect(200)
    }

    /// The current contract.
    pub async fn contract(&self, contract: i64) -> Value {
        self.get(&format!("/contracts/{contract}")).await.expect(200)
    }
}
