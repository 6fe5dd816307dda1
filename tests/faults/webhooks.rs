//! The program is killed while a gateway sends events and repeats each until it is accepted.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use kernel::Clock;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};

use super::{full, kills::kill_and_restart};
use crate::{
    gateways::{KEY, link, signed_at},
    harness::Client,
    program::{Place, program},
};

/// The longest time until an event is accepted.
const PATIENCE: Duration = Duration::from_secs(90);
const SETTINGS: [(&str, &str); 4] = [
    ("ACCESS_TOKEN_MINUTES", "1440"),
    ("LOG_LEVEL", "warn"),
    ("GATEWAYS", "sandbox"),
    ("GATEWAY_SANDBOX_SECRET", KEY),
];

/// A payment, and the events that its gateway sends, in order.
struct Story {
    id: i64,
    events: Vec<Value>,
    /// The amounts in the ledger in whole units: received, and refunded.
    came: i64,
    went: i64,
    is_held: bool,
}

fn story(n: usize, payment: &Value, amount: i64) -> Story {
    let reference = payment["id"].to_string();
    let said = |kind: &str, units: i64| {
        json!({
            "type": kind, "reference": reference, "amount": format!("{units}.00"), "currency": "RUB"
        })
    };
    let mut events = vec![json!({"type": "payment.processing", "reference": reference})];
    let (mut came, mut went, mut is_held) = (amount, 0, false);
    match n % 5 {
        0 => {
            events.push(json!({"type": "payment.failed", "reference": reference, "reason": "declined"}));
            came = 0;
        }
        1 => {
            events.push(said("payment.succeeded", amount + 1));
            (came, is_held) = (0, true);
        }
        2 => {
            let mut refunded = said("payment.refunded", 3);
            refunded["refund_id"] = json!(format!("own-{reference}"));
            events.extend([said("payment.succeeded", amount), refunded]);
            went = 3;
        }
        _ => events.push(said("payment.succeeded", amount)),
    }
    Story { id: payment["id"].as_i64().unwrap(), events, came, went, is_held }
}

/// Gateways that repeat events.
struct Senders {
    client: Client,
    taken: Cell<usize>,
    repeats: Cell<usize>,
    untaken: Cell<usize>,
}

impl Senders {
    /// Sends an event, signed anew for each attempt, until it is accepted.
    async fn insist(&self, id: &str, body: &Value) {
        let begun = Instant::now();
        loop {
            let event = signed_at(Clock::System.now().timestamp(), KEY, id, body.to_string().into_bytes());
            let mut request = self
                .client
                .request(Method::POST, "/webhooks/payments/sandbox")
                .header("content-type", "application/json");
            for (name, value) in &event.headers {
                request = request.header(*name, value);
            }
            let answer = request.timeout(Duration::from_secs(10)).body(event.body).send().await;
            match answer {
                Ok(answer) if answer.status() == 200 => {
                    let Ok(receipt) = answer.json::<Value>().await else { continue };
                    let repeats = usize::from(receipt["is_repeat"] == true);
                    self.repeats.set(self.repeats.get() + repeats);
                    return;
                }
                Ok(answer) => assert!(answer.status() == 503, "{id}: {}", answer.status()),
                Err(_) => self.untaken.set(self.untaken.get() + 1),
            }
            assert!(begun.elapsed() < PATIENCE, "{id} is not accepted");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends the events of a payment, each third one twice at once.
    async fn tell(&self, story: &Story) {
        for (n, body) in story.events.iter().enumerate() {
            let id = format!("event-{}-{n}", story.id);
            let times = if (usize::try_from(story.id).unwrap() + n).is_multiple_of(3) { 2 } else { 1 };
            join_all((0..times).map(|_| self.insist(&id, body))).await;
            self.taken.set(self.taken.get() + 1);
        }
    }
}

#[program]
async fn each_event_of_a_gateway_counts_once_though_the_server_is_killed_while_it_takes_them(place: &Place) {
    let (payments, side_by_side, kills) = if full() { (1_500, 40, 25) } else { (150, 20, 4) };
    let server = place.serve_with_password(&SETTINGS).await;
    let admin = server.admin().await;
    let mut contracts = Vec::new();
    for _ in 0..8 {
        contracts.push(admin.draft("1.00").await);
    }
    let mut random = StdRng::seed_from_u64(5);
    let mut stories = Vec::new();
    for n in 0..payments {
        let amount = random.random_range(10..1000);
        let payment = link(&admin, contracts[n % contracts.len()], &format!("{amount}.00")).await;
        stories.push(story(n, &payment, amount));
    }
    let total: usize = stories.iter().map(|story| story.events.len()).sum();
    let senders = Senders {
        client: Client::new(&server.base(), None),
        taken: Cell::new(0),
        repeats: Cell::new(0),
        untaken: Cell::new(0),
    };
    let server = RefCell::new(Some(server));
    let lanes = (0..side_by_side).map(async |lane: usize| {
        for story in stories.iter().skip(lane).step_by(side_by_side) {
            senders.tell(story).await;
        }
    });
    tokio::join!(
        join_all(lanes),
        kill_and_restart(place, &server, &SETTINGS, || senders.taken.get(), (total, kills))
    );
    server.take().unwrap().stop();

    assert_eq!(senders.taken.get(), total);
    // each event is stored once, and each payment has its final state
    let events = place.texts("SELECT event_id FROM gateway_events ORDER BY event_id").await;
    let mut sent: Vec<String> = stories
        .iter()
        .flat_map(|story| (0..story.events.len()).map(move |n| format!("event-{}-{n}", story.id)))
        .collect();
    sent.sort_unstable();
    let mut events = events;
    events.sort_unstable();
    assert_eq!(events, sent);
    let rows = "SELECT CAST(p.id AS TEXT) || ' ' || p.status || ' ' || COALESCE(g.quarantine, '-') || ' ' || \
                CAST((SELECT COALESCE(SUM(r.amount), 0) FROM payments r WHERE r.refund_of = p.id) AS TEXT) \
                FROM payments p JOIN gateway_payments g ON g.payment_id = p.id ORDER BY p.id";
    let expected = stories.iter().map(|story| {
        let (status, held) = match (story.came, story.is_held) {
            (0, true) => ("processing", "wrong_amount"),
            (0, false) => ("failed", "-"),
            _ => ("success", "-"),
        };
        format!("{} {status} {held} {}", story.id, story.went * 100)
    });
    assert_eq!(place.texts(rows).await, expected.collect::<Vec<_>>());
    let balance: i64 = stories.iter().map(|story| (story.came - story.went) * 100).sum();
    assert_eq!(place.texts("SELECT CAST(SUM(balance) AS TEXT) FROM contracts").await, [balance.to_string()]);
    let sound = place.run(&["verify"], &[]).expect(0);
    assert!(sound.out.lines().all(|line| line.starts_with("ok ")), "{}", sound.out);
    // kills interrupted events, and repeats were recognized
    let (untaken, repeats) = (senders.untaken.get(), senders.repeats.get());
    assert!(untaken > kills && repeats > 0, "{untaken} without response, {repeats} repeats");
    eprintln!(
        "{total} events of {payments} payments, {kills} kills: {untaken} without response, \
         {repeats} repeats"
    );
}
