//! Uploads: a file in a `multipart/form-data` body is read in pieces, within limits of size and time, straight into the store.

use std::{collections::BTreeSet, time::Duration};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header::{self, HeaderMap},
    web::Bytes,
};
use files::{Files, Writing};
use futures_util::{Stream, StreamExt, future::LocalBoxFuture};
use kernel::{
    Error, FieldErrors, Result,
    digest::{Sha256, sha256},
    error::{common, field},
};
use serde::Deserialize;
use tickets::{MOST_BYTES, NewFile, Sniffer, safe_name};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::{
    extract::announced_length,
    guard,
    problem::Refused,
    request::{self, BodyDigest},
};

/// Bytes allowed in the body around the file: names, types and boundaries.
const ENVELOPE: u64 = 64 * 1024;
/// Each time this many bytes arrive, the time limit of the body grows by `body_seconds`.
const WAIT_AGAIN_AFTER: u64 = 1024 * 1024;

/// A form with one file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "file": "(the content of the file)" }))]
pub struct AttachmentForm {
    /// The file, with its name: a picture (JPEG, PNG, GIF, WebP, TIFF, HEIC), a document (PDF, DOCX, XLSX, PPTX, ODT, ODS), a
    /// recording (MP3, OGG, WAV, AMR, M4A, MP4) or text in UTF-8 (TXT, LOG, MD, CSV). Content, name and type must agree.
    #[schema(value_type = String, format = Binary)]
    #[allow(dead_code, reason = "only the OpenAPI document uses it")]
    pub file: Vec<u8>,
}

/// A form with a file, not read yet.
pub struct Upload {
    request: HttpRequest,
    payload: Payload,
}

impl FromRequest for Upload {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            guard::let_in(&request).await?;
            if announced_length(&request).is_some_and(|length| length > MOST_BYTES + ENVELOPE) {
                return Err(too_large().into());
            }
            let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if !given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("multipart/form-data") {
                return Err(Error::new(common::UNSUPPORTED_MEDIA_TYPE).with("accepted", "multipart/form-data").into());
            }
            Ok(Self { request, payload })
        })
    }
}

impl Upload {
    /// Writes the file into the store under this key. A refused file is not kept.
    ///
    /// Errors: `malformed`, `body_timeout`, `body_too_large`, `invalid` with what is wrong in the field `file`,
    /// `too_many_requests`, `files_away`; those of the guard, when the caller may no longer do this.
    pub async fn receive(self, files: &Files, key: &str) -> Result<NewFile> {
        let wait = Duration::from_secs(request::state(&self.request).settings.body_seconds);
        let body = bounded(self.payload);
        let parts = Multipart::new(&only_type(self.request.headers()), body);
        let mut form = Form { request: &self.request, parts, wait, begun: Instant::now(), read: 0 };
        let mut writing = files.begin(key).await?;
        let received = match form.file(&mut writing, key).await {
            Ok(received) => received,
            Err(error) => {
                writing.abort().await;
                return Err(error);
            }
        };
        if let Err(error) = guard::let_in_again(&self.request).await {
            writing.abort().await;
            return Err(error);
        }
        writing.finish().await?;
        // not a digest of the raw body: a repeat has other boundaries
        let told = [received.declared.as_str(), &received.file.name, &received.file.sha256].join("\n");
        self.request.extensions_mut().insert(BodyDigest(sha256(told)));
        Ok(received.file)
    }
}

struct Received {
    file: NewFile,
    declared: String,
}

struct Form<'a> {
    request: &'a HttpRequest,
    parts: Multipart,
    wait: Duration,
    begun: Instant,
    read: u64,
}

impl Form<'_> {
    /// Reads the single part of the form.
    async fn file(&mut self, writing: &mut Writing<'_>, key: &str) -> Result<Received> {
        let mut received = None;
        let mut wrong = FieldErrors::default();
        let mut names = BTreeSet::new();
        while let Some(mut part) = self.next_part().await? {
            let name = part.name().unwrap_or_default().to_owned();
            let repeated = !names.insert(name.clone());
            match name.as_str() {
                "file" if repeated => drop(wrong.add("file", field::DUPLICATE)),
                "file" => received = Some(self.content(&mut part, writing, key).await?),
                other => drop(wrong.add(&other.chars().take(100).collect::<String>(), field::UNKNOWN)),
            }
            if !wrong.0.is_empty() {
                // the form is refused already
                break;
            }
        }
        wrong.into_result()?;
        received.ok_or_else(|| Error::of_field("file", field::REQUIRED))
    }

    async fn content(&mut self, part: &mut Field, writing: &mut Writing<'_>, key: &str) -> Result<Received> {
        let disposition = part.content_disposition();
        let extended = disposition.and_then(|one| one.get_filename_ext()).map(|name| String::from_utf8_lossy(&name.value).into_owned());
        let given = extended.or_else(|| disposition.and_then(|one| one.get_filename()).map(str::to_owned));
        // a text field has no file name
        let name = safe_name(&given.ok_or_else(|| Error::of_field("file", field::TYPE))?)?;
        let declared = part.content_type().map(|given| given.essence_str().to_owned());
        let (mut sniffer, mut hash, mut size) = (Sniffer::default(), Sha256::default(), 0);
        while let Some(piece) = self.next_piece(part).await? {
            size = sniffer.feed(&piece);
            if size > MOST_BYTES {
                return Err(too_large());
            }
            hash.update(&piece);
            writing.write(&piece).await?;
        }
        let media_type = sniffer.verdict(&name, declared.as_deref())?;
        let size = i64::try_from(size).map_err(Error::internal)?;
        let file = NewFile { file_key: key.to_owned(), name, media_type, size, sha256: hash.finish() };
        Ok(Received { file, declared: declared.unwrap_or_default() })
    }

    async fn next_part(&mut self) -> Result<Option<Field>> {
        let until = self.until();
        let next = request::next_piece(self.request, self.parts.next());
        let next = tokio::time::timeout_at(until, next).await.map_err(|_| Error::new(common::BODY_TIMEOUT))??;
        next.transpose().map_err(unreadable)
    }

    async fn next_piece(&mut self, part: &mut Field) -> Result<Option<Bytes>> {
        let next = request::next_piece(self.request, part.next());
        let next = tokio::time::timeout_at(self.until(), next).await.map_err(|_| Error::new(common::BODY_TIMEOUT))??;
        let piece = next.transpose().map_err(unreadable)?;
        self.read += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Ok(piece)
    }

    /// When the body times out: after `body_seconds`, plus the same for every mebibyte received. A slow connection passes, a
    /// trickle does not.
    fn until(&self) -> Instant {
        let times = u32::try_from(1 + self.read / WAIT_AGAIN_AFTER).unwrap_or(1);
        self.begun + self.wait * times
    }
}

/// Limits the size of the whole body, including everything beside the file.
fn bounded(payload: Payload) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    payload.scan(0_u64, |read, piece| {
        let piece = piece.and_then(|piece| {
            *read += piece.len() as u64;
            if *read > MOST_BYTES + ENVELOPE { Err(PayloadError::Overflow) } else { Ok(piece) }
        });
        std::future::ready(Some(piece))
    })
}

/// Only the `Content-Type` header, which has the boundary of the parts.
fn only_type(headers: &HeaderMap) -> HeaderMap {
    let found = headers.get(header::CONTENT_TYPE).cloned();
    found.into_iter().map(|value| (header::CONTENT_TYPE, value)).collect()
}

fn unreadable(error: MultipartError) -> Error {
    match error {
        MultipartError::Payload(PayloadError::Overflow) => too_large(),
        error => Error::new(common::MALFORMED).with("reason", "the form").cause(error.to_string()),
    }
}

fn too_large() -> Error {
    Error::new(common::BODY_TOO_LARGE).with("limit", MOST_BYTES)
}
