//! The document and the server agree on the required permissions.

use std::{collections::BTreeMap, path::Path};

use crate::harness::document;
use acl::{BuiltinRole, Permission};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::{Operation, PUBLIC};
use crate::harness::{App, Client, PASSWORD, Reply, id, scenario};

/// Sends a request for a missing resource, with an unknown field,
/// so that it changes nothing.
async fn asks(client: &Client, operation: &Operation) -> Reply {
    let body = operation.has_body().then(|| json!({"no_such_field": true}));
    client.send(operation.method.clone(), &operation.at("999999"), body).await
}

/// Sends a request that is wrong in every part.
async fn asks_badly(client: &Client, operation: &Operation) -> Reply {
    let path = format!("{}?no_such_parameter=1", operation.at("no-id"));
    let request = client
        .request(operation.method.clone(), &path)
        .header(CONTENT_TYPE, "application/json")
        .body("{\"half\":");
    Reply::read(operation.name(), request.send().await.unwrap()).await
}

/// A user without permissions, and a client to set the single grants.
struct Walker<'a> {
    admin: &'a Client,
    client: Client,
    id: i64,
}

impl<'a> Walker<'a> {
    async fn new(app: &App, admin: &'a Client) -> Self {
        admin
            .post("/roles", json!({"name": "nothing", "title": "Nothing", "permissions": []}))
            .await
            .expect(201);
        let user =
            json!({"username": "walker", "full_name": "Walker", "role": "nothing", "password": PASSWORD});
        let id = id(&admin.post("/users", user).await.expect(201));
        Self { admin, client: app.sign_in("walker", PASSWORD).await, id }
    }

    /// Grants exactly these permissions, from the next request on.
    async fn may(&self, permissions: &[&str]) {
        let grants = json!({"granted": permissions, "denied": []});
        self.admin.put(&format!("/users/{}/permissions", self.id), grants).await.expect(200);
    }
}

#[scenario]
async fn without_a_good_token_only_the_public_operations_answer(app: &App) {
    let operations = Operation::all(document());
    for name in PUBLIC {
        assert!(
            operations.iter().any(|operation| operation.name() == name),
            "{name} is public but not documented"
        );
    }
    let forged = ["nonsense", "tcrm_nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."]
        .map(|token| Client::new(&app.base, Some(token)));
    for operation in &operations {
        if operation.is_public() {
            assert_eq!(operation.permissions(), Vec::<String>::new(), "{}", operation.name());
            let status = asks(&app.stranger(), operation).await.status;
            if operation.is_signed() {
                assert!(status == 401 || status == 404, "{} returned {status}", operation.name());
                continue;
            }
            assert!(
                status == 200 || status == 415 || status == 422,
                "{} returned {status}",
                operation.name()
            );
            continue;
        }
        // before the path, the parameters or the body are checked
        asks(&app.stranger(), operation).await.refused(401, "not_signed_in");
        asks_badly(&app.stranger(), operation).await.refused(401, "not_signed_in");
        for client in &forged {
            asks_badly(client, operation).await.refused(401, "token_invalid");
        }
    }
}

#[scenario]
async fn each_operation_needs_the_permission_that_it_names_and_no_other(app: &App) {
    let admin = app.admin().await;
    let walker = Walker::new(app, &admin).await;
    let mut by_permissions: BTreeMap<Vec<String>, Vec<Operation>> = BTreeMap::new();
    for operation in Operation::all(document()).into_iter().filter(|operation| !operation.is_public()) {
        by_permissions.entry(operation.permissions()).or_default().push(operation);
    }
    for (permissions, operations) in by_permissions {
        for named in &permissions {
            assert!(named.parse::<Permission>().is_ok(), "{} names {named}", operations[0].name());
            let others: Vec<&str> = Permission::ALL
                .iter()
                .map(|permission| permission.as_str())
                .filter(|other| other != named)
                .collect();
            walker.may(&others).await;
            for operation in &operations {
                for reply in
                    [asks(&walker.client, operation).await, asks_badly(&walker.client, operation).await]
                {
                    let problem = reply.refused(403, "permission_missing");
                    assert!(
                        problem["detail"].as_str().unwrap().contains(named.as_str()),
                        "{}: {problem}",
                        operation.name()
                    );
                }
            }
        }
        let named: Vec<&str> = permissions.iter().map(String::as_str).collect();
        walker.may(&named).await;
        for operation in &operations {
            let reply = asks(&walker.client, operation).await;
            assert!(
                ![401, 403].contains(&reply.status) && reply.status < 500,
                "{} with {named:?} returned {}",
                operation.name(),
                reply.text
            );
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_built_in_roles_may_do_what_the_golden_table_says(app: &App) {
    let mut clients = vec![app.admin().await];
    for role in &BuiltinRole::ALL[1..] {
        clients.push(app.user(role.as_str()).await);
    }
    let mut rows = Vec::new();
    for operation in Operation::all(document()) {
        let mut allowed = Vec::new();
        for client in &clients {
            let status = asks(client, &operation).await.status;
            assert!(
                status < 500 && (status != 401 || operation.is_signed()),
                "{} returned {status}",
                operation.name()
            );
            allowed.push(status != 403);
        }
        rows.push(row(&operation, &allowed));
    }
    compare(&rows);
}

#[test]
fn the_golden_table_follows_from_the_permissions_and_their_default_roles() {
    let rows = Operation::all(document()).into_iter().map(|operation| {
        let may = |role: &BuiltinRole| {
            let holds = |name: &String| name.parse::<Permission>().unwrap().default_roles().contains(role);
            operation.permissions().iter().all(holds)
        };
        row(&operation, &BuiltinRole::ALL.iter().map(may).collect::<Vec<_>>())
    });
    let rows: Vec<String> = rows.collect();
    let path = golden();
    #[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(path, table(&rows)).unwrap();
    }
    compare(&rows);
}

fn golden() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/roles.txt"))
}

fn row(operation: &Operation, allowed: &[bool]) -> String {
    let letters: Vec<&str> = allowed
        .iter()
        .zip(["A", "S", "O", "E"])
        .map(|(allowed, letter)| if *allowed { letter } else { "." })
        .collect();
    let needs = match (operation.is_public(), operation.permissions()) {
        (true, _) if operation.is_signed() => "(with a key)".to_owned(),
        (true, _) => "(anybody)".to_owned(),
        (false, none) if none.is_empty() => "(signed in)".to_owned(),
        (false, permissions) => permissions.join(" "),
    };
    format!("{}  {:<6} {:<38} {needs}", letters.join(" "), operation.method.as_str(), operation.path)
}

fn table(rows: &[String]) -> String {
    let head = "# What the built-in roles may do at first: A admin, S supervisor, O operator, E employee.\n\
                # A test compares it with the document and with the server; \
                UPDATE_GOLDEN=1 cargo test -p tests golden writes it anew.\n\n";
    format!("{head}{}\n", rows.join("\n"))
}

#[track_caller]
fn compare(rows: &[String]) {
    let kept = std::fs::read_to_string(golden()).unwrap_or_default();
    let (kept, found): (Vec<&str>, String) = (kept.lines().collect(), table(rows));
    let found: Vec<&str> = found.lines().collect();
    let gone: Vec<&&str> = kept.iter().filter(|line| !found.contains(line)).collect();
    let new: Vec<&&str> = found.iter().filter(|line| !kept.contains(line)).collect();
    assert!(
        kept == found,
        "tests/golden/roles.txt differs; if intended, set UPDATE_GOLDEN=1\n only there: {gone:#?}\n \
         only here: {new:#?}"
    );
}
