//! The examples of docs/billing.md, executed row by row and compared.

use std::collections::BTreeMap;

use billing::{fee, period::end_of_period};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use kernel::{Context, Money, Origin, Policy, country::Country, money::Percent};
use serde_json::{Value, json};

use crate::harness::{App, Client, Reply, id, prepaid, scenario, unique};

const DOCUMENT: &str = include_str!("../docs/billing.md");

/// A table: its header and the cells of its rows.
struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The tables in a text.
fn tables(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        match (line.starts_with('|'), within) {
            (true, false) => tables.push(Table { head: cells(line), rows: Vec::new() }),
            (true, true) if !line.starts_with("|---") => tables.last_mut().unwrap().rows.push(cells(line)),
            _ => {}
        }
        within = line.starts_with('|');
    }
    tables
}

fn with_head(head: &[&str]) -> Vec<Table> {
    let found: Vec<Table> = tables(DOCUMENT).into_iter().filter(|table| table.head == head).collect();
    assert!(!found.is_empty(), "no table has the head {head:?}");
    found
}

const STORY: [&str; 6] = ["day", "what happens", "is posted", "balance", "contract", "period to"];
const PERIODS: [&str; 2] = ["first day", "periods begin on"];
const ZONES: [&str; 3] = ["zone", "moment", "day"];
const FEES: [&str; 4] = ["tariff", "options", "discount", "fee"];

#[test]
fn every_table_of_the_document_is_read() {
    let known = [&STORY[..], &PERIODS, &ZONES, &FEES];
    for table in tables(DOCUMENT) {
        // a section on runs may have other tables
        let is_example = known.iter().any(|head| table.head == *head);
        assert!(is_example || table.head[0] != "day", "no test reads {:?}", table.head);
        assert!(
            !table.rows.is_empty() && table.rows.iter().all(|row| row.len() == table.head.len()),
            "{:?}",
            table.head
        );
    }
    assert!(with_head(&STORY).len() >= 20);
}

#[test]
fn periods_begin_on_the_days_of_the_document() {
    for row in &with_head(&PERIODS)[0].rows {
        let first: NaiveDate = row[0].parse().unwrap();
        let mut day = first;
        for begins in row[1].split(", ") {
            day = end_of_period(day, first.day());
            assert_eq!(day.to_string(), begins, "from {first}");
        }
    }
}

#[test]
fn the_day_is_that_of_the_operator_as_the_document_says() {
    for row in &with_head(&ZONES)[0].rows {
        let policy = Policy { time_zone: row[0].parse::<Tz>().unwrap(), ..Policy::standard(Country::Ru) };
        let context = Context {
            now: row[1].parse().unwrap(),
            policy: policy.into(),
            origin: Origin::default(),
            actor: kernel::Actor::system("test"),
        };
        assert_eq!(context.today().to_string(), row[2], "{row:?}");
    }
}

#[test]
fn fees_are_those_of_the_document() {
    for row in &with_head(&FEES)[0].rows {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let options = row[1].split(", ").filter(|text| *text != "–").map(money);
        let discount: Percent = row[2].parse().unwrap();
        assert_eq!(fee(money(&row[0]), options, discount).unwrap().to_string(), row[3], "{row:?}");
    }
}

/// One example while it is being executed.
struct Story<'a> {
    app: &'a App,
    admin: Client,
    /// The tariffs that its rows name, by type and fee.
    tariffs: BTreeMap<String, i64>,
    options: BTreeMap<String, i64>,
    contract: i64,
    payment: i64,
    rows_seen: usize,
}

/// The text after a given prefix, up to a comma or the end.
fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(words)?;
    Some(rest.split(',').next().unwrap().trim())
}

impl Story<'_> {
    /// The tariffs are created first, because an option must be available with all of them.
    async fn make_tariffs(&mut self, rows: &[Vec<String>]) {
        for kind in ["prepaid", "postpaid"] {
            let named = rows
                .iter()
                .flat_map(|row| row[1].split("; "))
                .filter_map(|happens| after(happens, &format!(" {kind} ")));
            for fee in named.map(|words| words.split(' ').next().unwrap().trim_end_matches(':').to_owned()) {
                let name = format!("{kind} {fee}");
                if !self.tariffs.contains_key(&name) {
                    let mut tariff = prepaid(&fee);
                    tariff["tariff_type"] = json!(kind);
                    self.tariffs.insert(name, id(&self.admin.post("/tariffs", tariff).await.expect(201)));
                }
            }
        }
    }

    fn tariff(&self, words: &str) -> i64 {
        let name: Vec<&str> = words.split(' ').take(2).collect();
        self.tariffs[&name.join(" ")]
    }

    async fn option(&mut self, fee: &str) -> i64 {
        if !self.options.contains_key(fee) {
            let n = unique();
            let tariffs: Vec<i64> = self.tariffs.values().copied().collect();
            let option = json!({
                "code": format!("EX{n}"), "name": format!("Услуга {n}"), "kind": "service",
                "monthly_fee": fee, "tariff_ids": tariffs
            });
            self.options.insert(fee.to_owned(), id(&self.admin.post("/options", option).await.expect(201)));
        }
        self.options[fee]
    }

    /// Moves the clock to an hour of a day, but never back within an example.
    fn come_to(&self, day: NaiveDate, hour: u32) {
        let zone = self.app.settings.policy.time_zone;
        let local = day.and_time(NaiveTime::from_hms_opt(hour, 0, 0).unwrap());
        let moment: DateTime<Utc> = local.and_local_timezone(zone).unwrap().to_utc();
        if self.app.clock.now() < moment {
            self.app.advance(moment - self.app.clock.now());
        }
    }

    /// Executes the action of a row; `: refused, code` at the end gives the expected refusal.
    async fn happen(&mut self, day: NaiveDate, words: &str) {
        if words == "the run" {
            self.come_to(day, 2);
            return self.app.run_billing().await;
        }
        if words == "the promise ends" {
            self.come_to(day, 13);
            return self.app.end_promises().await;
        }
        self.come_to(day, 12);
        let (words, code) =
            words.split_once(": refused, ").map_or((words, None), |(words, code)| (words, Some(code)));
        let reply = self.request(words).await;
        match code {
            Some(code) => drop(reply.refused(409, code)),
            None => {
                assert!(reply.status < 300, "{words} on {day}: {} {}", reply.status, reply.text);
                if words.starts_with("paid ") {
                    self.payment = id(&reply.body);
                }
            }
        }
    }

    async fn request(&mut self, words: &str) -> Reply {
        let contract = self.contract;
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let when = if words.ends_with(" now") { "now" } else { "next_period" };
        let (path, body) = match verb {
            "drawn" => return self.draw_up(rest.trim_start_matches("up on ")).await,
            "paid" if rest.starts_with("out ") => {
                let amount = rest.trim_start_matches("out ");
                let body = json!({"amount": amount, "payment_method": "cash", "reason": "остаток"});
                (format!("/contracts/{contract}/payouts"), body)
            }
            "paid" => (
                "/payments".to_owned(),
                json!({"contract_id": contract, "amount": rest, "payment_method": "cash"}),
            ),
            "refunded" => (
                format!("/payments/{}/refund", self.payment),
                json!({"amount": rest, "reason": "по заявлению"}),
            ),
            "corrected" => {
                let amount = rest.trim_start_matches('+');
                (
                    "/payments/corrections".to_owned(),
                    json!({"contract_id": contract, "amount": amount, "reason": "ошибка кассы"}),
                )
            }
            "activated" => (format!("/contracts/{contract}/activate"), json!({})),
            "suspended" => (format!("/contracts/{contract}/suspend"), json!({"reason": "request"})),
            "resumed" => (format!("/contracts/{contract}/resume"), json!({"reason": "request"})),
            "terminated" => {
                let refund_unused = rest == "with refund of unused days";
                let body = json!({"reason": "по заявлению", "refund_unused": refund_unused});
                (format!("/contracts/{contract}/terminate"), body)
            }
            "promised" => {
                let (amount, days) = rest.trim_end_matches(" days").split_once(" for ").unwrap();
                let days: i64 = days.parse().unwrap();
                let promise = json!({"amount": amount, "days": days});
                (format!("/contracts/{contract}/promised-payment"), promise)
            }
            "tariff" => (
                format!("/contracts/{contract}/change-tariff"),
                json!({"tariff_id": self.tariff(rest), "when": when}),
            ),
            "option" => {
                let (fee, what) = rest.split_once(' ').unwrap();
                let option = self.option(fee).await;
                let what = if what.starts_with("taken") { "add" } else { "remove" };
                (format!("/contracts/{contract}/options"), json!({what: [option], "when": when}))
            }
            "credit" | "discount" => {
                let field = if verb == "credit" { "credit_limit" } else { "discount_percent" };
                let edit = json!({field: rest.trim_start_matches("limit ")});
                return self.admin.patch(&format!("/contracts/{contract}"), edit).await;
            }
            "price" => {
                let (fee, from) = rest.split_once(" from ").unwrap();
                let tariff = self.tariffs.values().next().unwrap();
                return self
                    .admin
                    .patch(&format!("/tariffs/{tariff}"), json!({"monthly_fee": fee, "effective_from": from}))
                    .await;
            }
            other => panic!("unknown action: {other}"),
        };
        self.admin.post(&path, body).await
    }

    async fn draw_up(&mut self, words: &str) -> Reply {
        let (customer, sim) = (self.admin.customer().await, self.admin.sim().await);
        let tariff = self.tariff(words.split(',').next().unwrap());
        let mut draft = json!({"customer_id": customer, "tariff_id": tariff, "sim_id": sim});
        for (words_before, field) in [("credit limit ", "credit_limit"), ("discount ", "discount_percent")] {
            if let Some(value) = after(words, words_before) {
                draft[field] = json!(value);
            }
        }
        let reply = self.admin.post("/contracts", draft).await;
        self.contract = id(&reply.body);
        reply
    }

    /// What was posted since the previous row, as the document writes it.
    async fn posted(&mut self) -> String {
        let sql = format!(
            "SELECT transaction_type || ' ' || CAST(amount AS TEXT) || ' ' || CASE WHEN period_start IS NULL \
             THEN '' ELSE 'for ' || description END FROM payments WHERE contract_id = {} \
             AND status = 'success' ORDER BY ledger_number",
            self.contract
        );
        let rows = self.app.texts(&sql).await;
        let told = rows[self.rows_seen..].iter().map(|row| {
            let (kind, rest) = row.split_once(' ').unwrap();
            let (amount, span) = rest.split_once(' ').unwrap();
            let minor: i64 = amount.parse().unwrap();
            let minor = if ["charge", "refund", "payout"].contains(&kind) { -minor } else { minor };
            let amount = Money::from_minor(minor).unwrap();
            format!("{kind} {}{amount} {span}", if minor > 0 { "+" } else { "" }).trim_end().to_owned()
        });
        let told: Vec<String> = told.collect();
        self.rows_seen = rows.len();
        if told.is_empty() { "–".to_owned() } else { told.join("; ") }
    }

    /// The current state as a row of the document.
    async fn row(&mut self, day: &str, happens: &str) -> Vec<String> {
        let posted = self.posted().await;
        let contract = self.admin.contract(self.contract).await;
        let mut holds: Vec<&str> = contract["holds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hold| hold["reason"].as_str().or(hold.as_str()).unwrap())
            .collect();
        holds.sort_unstable();
        let status = contract["status"].as_str().unwrap();
        let stands =
            if status == "suspended" { format!("held: {}", holds.join(", ")) } else { status.to_owned() };
        let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
        vec![
            day.to_owned(),
            happens.to_owned(),
            posted,
            text(&contract["balance"]),
            stands,
            text(&contract["next_billing_date"]),
        ]
    }
}

#[scenario]
async fn every_example_of_the_document_comes_to_what_it_says(app: &App) {
    let start = app.clock.now();
    let mut wrong = Vec::new();
    for table in with_head(&STORY) {
        // each example begins on a different day and moves the clock separately
        let first: NaiveDate = table.rows[0][0].parse().unwrap();
        let zone = app.settings.policy.time_zone;
        app.advance(start - app.clock.now());
        app.advance(TimeDelta::days((first - start.with_timezone(&zone).date_naive()).num_days()));
        let admin = app.admin().await;
        let mut story = Story {
            app,
            admin,
            tariffs: BTreeMap::new(),
            options: BTreeMap::new(),
            contract: 0,
            payment: 0,
            rows_seen: 0,
        };
        story.make_tariffs(&table.rows).await;
        for row in &table.rows {
            // the previous row may be a month ago, and a session does not last that long
            story.come_to(row[0].parse().unwrap(), 1);
            story.admin = app.admin().await;
            for words in row[1].split("; ") {
                story.happen(row[0].parse().unwrap(), words).await;
            }
            let there = story.row(&row[0], &row[1]).await;
            if there != *row {
                wrong.push(format!("| {} |\n  is really\n| {} |", row.join(" | "), there.join(" | ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(TIMEZONE = "Asia/Kamchatka")]
async fn in_ten_years_of_runs_at_half_past_midnight_periods_tile_and_never_drift(app: &App) {
    let zone = app.settings.policy.time_zone;
    let come_to = |day: NaiveDate, hour: u32, minute: u32| {
        let moment = day
            .and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap())
            .and_local_timezone(zone)
            .unwrap()
            .to_utc();
        app.advance(moment - app.clock.now());
    };
    // the last day of January is the same date there, and the 30th of March follows a short month
    let admin = app.admin().await;
    let contracts = [admin.draft("10.00").await, admin.draft("10.01").await];
    let mut begun: BTreeMap<i64, Vec<NaiveDate>> = BTreeMap::new();
    for (contract, day) in contracts.into_iter().zip(["2026-01-31", "2026-03-30"]) {
        let day: NaiveDate = day.parse().unwrap();
        if app.clock.now().with_timezone(&zone).date_naive() != day {
            come_to(day, 9, 0);
        }
        let admin = app.admin().await;
        admin.pay(contract, "1400.00").await;
        admin.activate(contract).await;
        begun.insert(contract, vec![day]);
    }
    let next = |starts: &[NaiveDate]| {
        let (first, newest) = (starts[0], *starts.last().unwrap());
        let is_billing_day = |day: &NaiveDate| {
            day.day() == first.day() || (day.succ_opt().unwrap().day() == 1 && day.day() < first.day())
        };
        newest.iter_days().skip(1).find(is_billing_day).unwrap()
    };
    loop {
        let (contract, day) = begun
            .iter()
            .map(|(contract, starts)| (*contract, next(starts)))
            .min_by_key(|(_, day)| *day)
            .unwrap();
        if day.year() > 2036 {
            break;
        }
        // the evening before, after noon in UTC, nothing is due;
        // the run after midnight charges the day that has begun
        let charges = app.count("payments").await;
        come_to(day.pred_opt().unwrap(), 23, 59);
        app.run_billing().await;
        assert_eq!(app.count("payments").await, charges, "before {day}");
        come_to(day, 0, 30);
        app.run_billing().await;
        assert!(app.count("payments").await > charges, "on {day}");
        begun.get_mut(&contract).unwrap().push(day);
        for starts in begun.values_mut().filter(|starts| next(starts) == day) {
            starts.push(day);
        }
    }
    for (contract, starts) in begun {
        let sql = format!(
            "SELECT CAST(period_start AS TEXT) || ' ' || CAST(period_end AS TEXT) FROM contract_periods \
             WHERE contract_id = {contract} ORDER BY period_start"
        );
        let wanted: Vec<String> =
            (0..starts.len()).map(|at| format!("{} {}", starts[at], next(&starts[..=at]))).collect();
        assert_eq!(app.texts(&sql).await, wanted);
        assert!(starts.len() > 128, "{}", starts.len());
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}
