//! The API guide: each request in it is sent, and its response is compared.

use reqwest::Method;
use serde_json::Value;

use crate::harness::{App, Client, scenario};

const GUIDE: &str = include_str!("../../docs/api-guide.md");

/// The code blocks of the guide in order: the text after the fence, and the content.
fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(kind) => {
                open = true;
                blocks.push((kind, String::new()));
            }
            None if open => {
                let (_, block) = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// Differences between the response in the guide and the actual one.
/// The actual one may have more fields, and `…` matches anything.
fn differences(at: &str, shown: &Value, answered: &Value, found: &mut Vec<String>) {
    match (shown, answered) {
        (Value::String(text), _) if text == "…" && !answered.is_null() => {}
        (Value::Object(shown), Value::Object(answered)) => {
            for (name, value) in shown {
                match answered.get(name) {
                    Some(answered) => differences(&format!("{at}/{name}"), value, answered, found),
                    None => found.push(format!("{at}/{name} is missing")),
                }
            }
        }
        (Value::Array(shown), Value::Array(answered)) if shown.len() == answered.len() => {
            for (n, (shown, answered)) in shown.iter().zip(answered).enumerate() {
                differences(&format!("{at}/{n}"), shown, answered, found);
            }
        }
        _ if shown == answered => {}
        _ => found.push(format!("{at} is {answered} and not {shown}")),
    }
}

async fn follow(app: &App) {
    let admin = app.admin().await;
    let mut asked: Option<(String, Client, Method, String, Option<Value>)> = None;
    let (mut answers, mut wrong) = (0, Vec::new());
    for (kind, block) in blocks(GUIDE) {
        match kind.split_once(' ') {
            None if kind == "http" => {
                assert!(
                    asked.is_none(),
                    "the guide has no response to {asked:?}",
                    asked = asked.map(|(line, ..)| line)
                );
                let (head, body) = block.split_once("\n\n").unwrap_or((block.trim_end(), ""));
                let mut lines = head.lines();
                let line = lines.next().unwrap().to_owned();
                let (method, path) = line.split_once(' ').unwrap();
                let client = lines.fold(admin.with("Accept-Language", "en"), |client, header| {
                    let (name, value) = header.split_once(": ").unwrap();
                    client.with(name, value)
                });
                let body = (!body.trim().is_empty())
                    .then(|| serde_json::from_str(body).unwrap_or_else(|error| panic!("{line}: {error}")));
                asked = Some((line.clone(), client, method.parse().unwrap(), path.to_owned(), body));
            }
            Some(("json", status)) => {
                let (line, client, method, path, body) =
                    asked.take().expect("a response follows its request");
                let reply = client.send(method, &path, body).await;
                let shown: Value = serde_json::from_str(&block)
                    .unwrap_or_else(|error| panic!("the response to {line}: {error}"));
                let mut found = Vec::new();
                if reply.status.to_string() != status {
                    found.push(format!("the status is {} and not {status}: {}", reply.status, reply.text));
                } else {
                    differences("", &shown, &reply.body, &mut found);
                }
                if !found.is_empty() {
                    wrong.push(format!("{line}\n  {}", found.join("\n  ")));
                }
                answers += 1;
            }
            _ => assert!(kind == "sh", "unknown kind of block: `{kind}`"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(answers > 30, "{answers} responses");
}

#[scenario]
async fn every_request_of_the_guide_is_answered_as_it_says(app: &App) {
    follow(app).await;
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[test]
fn what_differs_from_the_guide_is_found() {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut found = Vec::new();
    differences(
        "",
        &json(r#"{"a": 1, "b": "…", "c": [{"d": 2}]}"#),
        &json(r#"{"a": 1, "b": 5, "c": [{"d": 2, "e": 3}], "f": 4}"#),
        &mut found,
    );
    assert!(found.is_empty(), "{found:?}");
    for wrong in [
        r#"{"a": 2}"#,
        r#"{"x": 1}"#,
        r#"{"c": []}"#,
        r#"{"c": [{"d": 3}]}"#,
        r#"{"n": "…"}"#,
        r#"{"x": "…"}"#,
    ] {
        let mut found = Vec::new();
        differences("", &json(wrong), &json(r#"{"a": 1, "c": [{"d": 2}], "n": null}"#), &mut found);
        assert_eq!(found.len(), 1, "{wrong}: {found:?}");
    }
}
