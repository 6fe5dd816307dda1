//! E-mail over TLS is delivered only to servers with a trusted certificate.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::receivers::{Receiver, Tls};
use crate::{
    harness::Client,
    program::{Place, program},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Pays on a server with this mail configuration and returns the message once `is_told` accepts it.
async fn sent_by(place: &Place, variables: &[(&str, &str)], is_told: impl Fn(&Value) -> bool) -> Value {
    let server = place
        .serve_with_password(
            &[variables, &[("SMTP_FROM", "crm@example.com"), ("LOG_LEVEL", "warn")]].concat(),
        )
        .await;
    let admin: Client = server.admin().await;
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1000.00").await;
    let begun = Instant::now();
    let message = loop {
        let page = admin.get(&format!("/notifications?channel=email&contract={contract}")).await.expect(200);
        let message = page["results"][0].clone();
        if is_told(&message) {
            break message;
        }
        assert!(begun.elapsed() < PATIENCE, "{message}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    server.stop();
    message
}

#[program]
async fn mail_goes_over_tls_to_a_server_that_an_authority_vouches_for_and_to_no_other(place: &Place) {
    let tls = Tls::new();
    let authority = place.file("authority.pem");
    std::fs::write(&authority, &tls.authority).unwrap();
    let authority = authority.to_str().unwrap();
    let (at_once, asked_for) = (Receiver::smtps(&tls).await, Receiver::starttls(&tls).await);
    let required = format!("{}?tls=required", asked_for.url);
    for (server, url) in [(&at_once, &at_once.url), (&asked_for, &required)] {
        // the certificate is not trusted: nothing is sent, and the message waits
        let kept =
            sent_by(place, &[("SMTP_URL", url.as_str())], |message| message["last_error"].is_string()).await;
        assert_eq!(kept["status"], "pending", "{kept}");
        assert!(kept["last_error"].as_str().unwrap().contains("certificate"), "{kept}");
        assert!(server.received().is_empty());

        let variables = [("SMTP_URL", url.as_str()), ("SSL_CERT_FILE", authority)];
        let sent = sent_by(place, &variables, |message| message["status"] == "sent").await;
        assert_eq!((&sent["attempts"], &sent["last_error"]), (&json!(1), &Value::Null));
        let taken = server.received().into_iter().map(|letter| letter.headers["message-id"].clone());
        assert!(
            taken
                .collect::<Vec<_>>()
                .contains(&format!("<{}@example.com>", sent["message_id"].as_str().unwrap()))
        );
    }
}
