//! Many concurrent clients that perform random operations and repeat each with its key
//! until there is a response.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{Client, Reply, id, person, prepaid, sim};

/// The longest time until an operation has a response.
const PATIENCE: Duration = Duration::from_secs(90);
/// The number of contracts that all clients share, so that operations conflict.
const SHARED: usize = 16;

/// The operations and their relative frequencies.
const DEEDS: [(&str, u32); 14] = [
    ("pay", 30),
    ("pay by id", 15),
    ("promise", 4),
    ("process", 4),
    ("refund", 10),
    ("correct", 8),
    ("suspend", 6),
    ("resume", 6),
    ("change tariff", 6),
    ("register", 3),
    ("draw up", 4),
    ("add card", 4),
    ("activate", 4),
    ("terminate", 1),
];

/// An operation that was requested until there was a response.
#[derive(Debug)]
pub struct Deed {
    name: &'static str,
    key: String,
    /// The amount in minor units; zero if no money moves.
    amount: i64,
    /// Whether it succeeded; otherwise it was refused.
    done: bool,
}

/// The clients and the results they received.
#[derive(Default)]
pub struct Crowd {
    /// Completed operations.
    pub deeds: RefCell<Vec<Deed>>,
    /// The number of requests without a response.
    pub unanswered: Cell<usize>,
    /// The number of responses that asked to try again later.
    pub sent_away: Cell<usize>,
    /// The number of responses replayed from an earlier attempt.
    pub replayed: Cell<usize>,
    tariffs: RefCell<Vec<i64>>,
    contracts: RefCell<Vec<i64>>,
    customers: RefCell<Vec<i64>>,
    cards: RefCell<Vec<i64>>,
    drafts: RefCell<Vec<i64>>,
    payments: RefCell<Vec<i64>>,
    pending: RefCell<Vec<i64>>,
}

/// The content of the database, by the names that the clients gave.
#[derive(Default)]
pub struct Effects {
    /// Transactions: the key and the amount in minor units.
    pub transactions: Vec<String>,
    /// Notes of holds, drafts and subscribers.
    pub notes: Vec<String>,
    /// Audit entries: the request id and the action.
    pub entries: Vec<String>,
}

impl Effects {
    pub const TRANSACTIONS: &str =
        "SELECT description || ' ' || CAST(amount AS TEXT) FROM payments WHERE description LIKE 'key-%'";
    pub const NOTES: &str = "SELECT note FROM contract_holds WHERE note LIKE 'key-%' \
                             UNION ALL SELECT notes FROM contracts WHERE notes LIKE 'key-%' \
                             UNION ALL SELECT notes FROM customers WHERE notes LIKE 'key-%'";
    pub const ENTRIES: &str = "SELECT request_id || ' ' || action FROM audit WHERE request_id LIKE 'key-%'";
}

fn any(random: &mut StdRng, ids: &RefCell<Vec<i64>>) -> Option<i64> {
    ids.borrow().choose(random).copied()
}

fn minor(amount: i64) -> String {
    format!("{}{}.{:02}", if amount < 0 { "-" } else { "" }, amount.abs() / 100, amount.abs() % 100)
}

/// A request to send.
struct Order {
    /// The amount that it moves.
    amount: i64,
    path: String,
    body: Value,
}

impl Order {
    fn of(amount: i64, path: impl Into<String>, body: Value) -> Self {
        Self { amount, path: path.into(), body }
    }

    /// A request that moves no money.
    fn to(path: impl Into<String>, body: Value) -> Self {
        Self::of(0, path, body)
    }
}

impl Crowd {
    /// Creates what the clients act on.
    pub async fn gather(admin: &Client) -> Self {
        let crowd = Self::default();
        let mut postpaid = prepaid("120.00");
        postpaid["tariff_type"] = json!("postpaid");
        for tariff in [prepaid("30.00"), prepaid("450.50"), postpaid] {
            let tariff = id(&admin.post("/tariffs", tariff).await.expect(201));
            crowd.tariffs.borrow_mut().push(tariff);
        }
        for n in 0..SHARED {
            let tariff = crowd.tariffs.borrow()[n % 3];
            let (customer, card) = (admin.customer().await, admin.sim().await);
            crowd.customers.borrow_mut().push(customer);
            let draft = json!({"customer_id": customer, "tariff_id": tariff, "sim_id": card});
            let contract = id(&admin.post("/contracts", draft).await.expect(201));
            admin.pay(contract, "500.00").await;
            admin.activate(contract).await;
            crowd.contracts.borrow_mut().push(contract);
        }
        crowd
    }

    /// The number of completed operations.
    pub fn answered(&self) -> usize {
        self.deeds.borrow().len()
    }

    /// Runs this many clients, with this many operations each.
    pub async fn act(&self, admin: &Client, seed: u64, clients: usize, each: usize) {
        let one = async |n: usize| {
            let client = Client::new(&format!("http://{}", admin.address()), admin.token.as_deref());
            let mut random = StdRng::seed_from_u64(seed * 1000 + u64::try_from(n).unwrap());
            for step in 0..each {
                self.do_something(&client, &mut random, format!("key-{seed}-{n}-{step}")).await;
            }
        };
        join_all((0..clients).map(one)).await;
    }

    async fn do_something(&self, client: &Client, random: &mut StdRng, key: String) {
        let amount = random.random_range(1..20_000);
        let (name, Order { amount, path, body }) = loop {
            let (name, _) = DEEDS.choose_weighted(random, |(_, weight)| *weight).unwrap();
            // nothing to act on yet: choose another operation
            if let Some(order) = self.order(name, random, amount, &key) {
                break (*name, order);
            }
        };
        let reply = self
            .insist(&client.with("idempotency-key", &key).with("x-request-id", &key), random, &path, &body)
            .await;
        let done = reply.status < 300;
        assert!(
            done || [404, 409, 422].contains(&reply.status),
            "{} returned {}: {}",
            reply.asked,
            reply.status,
            reply.text
        );
        if done {
            self.note(name, &reply.body);
        }
        self.deeds.borrow_mut().push(Deed { name, key, amount, done });
    }

    fn order(&self, name: &str, random: &mut StdRng, amount: i64, key: &str) -> Option<Order> {
        let contract = any(random, &self.contracts)?;
        Some(match name {
            "pay" | "pay by id" | "promise" | "process" | "refund" | "correct" => {
                self.order_of_money(name, random, contract, amount, key)?
            }
            "suspend" => {
                let reason = if random.random() { "request" } else { "fraud" };
                Order::to(format!("/contracts/{contract}/suspend"), json!({"reason": reason, "note": key}))
            }
            "resume" => {
                let reason = if random.random() { "request" } else { "fraud" };
                Order::to(format!("/contracts/{contract}/resume"), json!({"reason": reason}))
            }
            "change tariff" => {
                let when = if random.random() { "now" } else { "next_period" };
                Order::to(
                    format!("/contracts/{contract}/change-tariff"),
                    json!({"tariff_id": any(random, &self.tariffs)?, "when": when}),
                )
            }
            "register" => {
                let mut body = person();
                body["notes"] = json!(key);
                Order::to("/customers", body)
            }
            "draw up" => {
                let (customer, tariff) = (any(random, &self.customers)?, any(random, &self.tariffs)?);
                Order::to("/contracts", json!({"customer_id": customer, "tariff_id": tariff, "notes": key}))
            }
            "add card" => Order::to("/sims", sim()),
            "activate" => {
                let (draft, card) = (self.drafts.borrow_mut().pop()?, self.cards.borrow_mut().pop()?);
                Order::to(format!("/contracts/{draft}/activate"), json!({"sim_id": card}))
            }
            // only contracts drawn up during the test: the shared ones must remain
            "terminate" => {
                let newest = self.contracts.borrow().iter().skip(SHARED).copied().collect::<Vec<_>>();
                Order::to(
                    format!("/contracts/{}/terminate", newest.choose(random)?),
                    json!({"reason": "по заявлению"}),
                )
            }
            other => panic!("unknown operation: {other}"),
        })
    }

    fn order_of_money(
        &self,
        name: &str,
        random: &mut StdRng,
        contract: i64,
        amount: i64,
        key: &str,
    ) -> Option<Order> {
        let cash = json!({
            "contract_id": contract, "amount": minor(amount), "payment_method": "cash", "description": key
        });
        Some(match name {
            "pay" => Order::of(amount, "/payments", cash),
            "pay by id" | "promise" => {
                let mut body = cash;
                body["transaction_id"] = json!(key);
                if name == "promise" {
                    body["payment_method"] = json!("card");
                }
                Order::of(amount, "/payments", body)
            }
            "process" => {
                let payment = self.pending.borrow_mut().pop()?;
                Order::to(format!("/payments/{payment}/process"), json!({}))
            }
            "refund" => {
                let amount = amount.min(3_000);
                Order::of(
                    amount,
                    format!("/payments/{}/refund", any(random, &self.payments)?),
                    json!({"amount": minor(amount), "reason": key}),
                )
            }
            "correct" => {
                let amount = if random.random() { amount } else { -amount };
                Order::of(
                    amount,
                    "/payments/corrections",
                    json!({"contract_id": contract, "amount": minor(amount), "reason": key}),
                )
            }
            other => panic!("unknown operation: {other}"),
        })
    }

    fn note(&self, name: &str, answer: &Value) {
        let kind = match name {
            "pay" | "pay by id" => &self.payments,
            "promise" => &self.pending,
            "register" => &self.customers,
            "add card" => &self.cards,
            "draw up" => &self.drafts,
            "activate" => &self.contracts,
            _ => return,
        };
        kind.borrow_mut().push(id(answer));
    }

    /// Sends the request until it succeeds or is refused.
    /// At random, the client disconnects before the response.
    async fn insist(&self, client: &Client, random: &mut StdRng, path: &str, body: &Value) -> Reply {
        let count = |cell: &Cell<usize>| cell.set(cell.get() + 1);
        let begun = Instant::now();
        let mut tries = Vec::new();
        loop {
            assert!(
                begun.elapsed() < PATIENCE,
                "no response to {path} {body}; the last tries: {:?}",
                &tries[tries.len().saturating_sub(10)..]
            );
            let tried = Instant::now();
            let patience = if random.random_ratio(1, 12) {
                Duration::from_millis(random.random_range(1..300))
            } else {
                PATIENCE
            };
            let reply = timeout(patience, client.attempt(Method::POST, path, body)).await.ok().flatten();
            tries.push((reply.as_ref().map(|reply| reply.status), tried.elapsed()));
            match reply {
                None => count(&self.unanswered),
                Some(reply) if reply.status == StatusCode::SERVICE_UNAVAILABLE.as_u16() => {
                    assert!(
                        !reply.header("retry-after").is_empty(),
                        "503 without Retry-After: {}",
                        reply.text
                    );
                    count(&self.sent_away);
                }
                Some(reply) if reply.body["code"] == "idempotency_key_in_use" => count(&self.sent_away),
                Some(reply) => {
                    if reply.header("idempotent-replayed") == "true" {
                        count(&self.replayed);
                    }
                    return reply;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Crowd {
    /// Operations whose effects do not match their responses, or that were done more than once.
    pub fn wrong(&self, effects: &Effects) -> Vec<String> {
        let mut transactions: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for (key, amount) in effects.transactions.iter().filter_map(|text| text.split_once(' ')) {
            transactions.entry(key).or_default().push(amount.parse().unwrap());
        }
        let mut entries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, action) in effects.entries.iter().filter_map(|text| text.split_once(' ')) {
            entries.entry(key).or_default().push(action);
        }
        let mut notes: BTreeMap<&str, usize> = BTreeMap::new();
        effects.notes.iter().for_each(|key| *notes.entry(key).or_default() += 1);
        let mut wrong = Vec::new();
        for deed in self.deeds.borrow().iter() {
            let times = |action: &str| {
                entries.get(deed.key.as_str()).into_iter().flatten().filter(|entry| **entry == action).count()
            };
            let noted = notes.get(deed.key.as_str()).copied().unwrap_or_default();
            let is_right = match deed.name {
                _ if !deed.done => {
                    noted == 0
                        && !transactions.contains_key(deed.key.as_str())
                        && !entries.contains_key(deed.key.as_str())
                }
                "pay" | "pay by id" | "promise" | "refund" | "correct" => {
                    transactions.get(deed.key.as_str()) == Some(&vec![deed.amount])
                }
                "suspend" | "register" | "draw up" => noted == 1,
                "process" => times("payment.received") == 1,
                "activate" => times("contract.activated") == 1,
                "terminate" => times("contract.terminated") == 1,
                "add card" => times("sim.created") == 1,
                // it may also lift a debt or apply a planned change
                "resume" => times("contract.resumed") >= 1,
                "change tariff" => times("contract.plan_changed") + times("contract.change_planned") >= 1,
                other => panic!("unknown operation: {other}"),
            };
            if !is_right {
                let there = (transactions.get(deed.key.as_str()), entries.get(deed.key.as_str()), noted);
                wrong.push(format!("{deed:?} has left {there:?}"));
            }
        }
        // and the database has nothing that no client requested
        let asked: BTreeSet<String> = self.deeds.borrow().iter().map(|deed| deed.key.clone()).collect();
        wrong.extend(
            transactions
                .keys()
                .filter(|key| !asked.contains(**key))
                .map(|key| format!("not requested: {key}")),
        );
        wrong
    }

    /// The number of successful operations of each kind.
    pub fn done(&self) -> BTreeMap<&'static str, usize> {
        let mut done = BTreeMap::new();
        for deed in self.deeds.borrow().iter().filter(|deed| deed.done) {
            *done.entry(deed.name).or_default() += 1;
        }
        done
    }
}
