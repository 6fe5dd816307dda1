//! The file store: a folder beside the database, or a bucket of S3 or a compatible service.
//!
//! Files are written and read piece by piece, and a file appears completely or not at all. Only the database knows which files are
//! in use: see `tickets::attachments`.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use kernel::{
    Error, Result, Secret,
    error::common,
    settings::{Reader, StartError, io_cause, web_origin},
};
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig, WriteMultipart, aws::AmazonS3Builder, local::LocalFileSystem, path::Path,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

/// Files that one instance receives at a time; each may hold one part in memory.
pub const AT_ONCE: usize = 16;
/// Bytes written to a folder at a time.
const FOLDER_PART: usize = 256 * 1024;
/// The smallest part that S3 accepts.
const S3_PART: usize = 5 * 1024 * 1024;

/// How often the store is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// How long it may take to respond.
const ASK_WAIT: Duration = Duration::from_secs(2);

/// The location of the files.
#[derive(Clone, Debug)]
pub enum FilesAt {
    /// A folder on this machine, or one that all instances share.
    Folder(PathBuf),
    /// A bucket.
    S3(S3),
}

/// A bucket and its access settings.
#[derive(Clone, Debug)]
pub struct S3 {
    /// The name of the bucket.
    pub bucket: String,
    /// The prefix of every key in the bucket.
    pub prefix: String,
    /// The server, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The access key.
    pub key_id: Option<Secret>,
    /// The secret of the access key.
    pub secret_key: Option<Secret>,
}

/// An open file store.
pub struct Files {
    store: Arc<dyn ObjectStore>,
    folder: Option<Folder>,
    prefix: String,
    part: usize,
    places: Semaphore,
    // when the store was asked last, and whether it was there
    seen: Mutex<Option<(Instant, bool)>>,
}

/// A store in a folder.
struct Folder {
    at: PathBuf,
    store: Arc<LocalFileSystem>,
}

/// A file that is being written; if it is dropped before [`Writing::finish`], it does not appear.
pub struct Writing<'a> {
    upload: WriteMultipart,
    _place: SemaphorePermit<'a>,
}

impl Files {
    /// Opens the store; creates the folder if it is missing. Errors name the setting, the cause and the remedy.
    pub fn open(at: &FilesAt) -> Result<Self, StartError> {
        match at {
            FilesAt::Folder(folder) => Self::of_folder(folder),
            FilesAt::S3(s3) => Self::of_bucket(s3),
        }
    }

    fn of_folder(folder: &std::path::Path) -> Result<Self, StartError> {
        let unusable = |error: io::Error| {
            let about = format!("ATTACHMENTS_URL ({})", folder.display());
            let remedy = "let the user of the program write to this folder, or name another one";
            StartError::new(about, format!("attached files cannot be stored there: {}", io_cause(&error)), remedy)
        };
        fs::create_dir_all(folder).map_err(unusable)?;
        // an upload would otherwise be the first to notice
        let trial = folder.join(format!(".trial-{}", Uuid::new_v4().simple()));
        fs::File::create_new(&trial).and_then(|_| fs::remove_file(&trial)).map_err(unusable)?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| unusable(io::Error::other(error)))?;
        // a file that was reported as attached must survive a power failure
        let store = Arc::new(store.with_fsync(true));
        let folder = Folder { at: folder.to_owned(), store: store.clone() };
        Ok(Self::new(store, Some(folder), String::new(), FOLDER_PART))
    }

    fn of_bucket(s3: &S3) -> Result<Self, StartError> {
        let waits = ClientOptions::new().with_connect_timeout(Duration::from_secs(3)).with_timeout(Duration::from_secs(30));
        let retries = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&s3.bucket)
            .with_region(&s3.region)
            .with_retry(retries)
            // not every S3-compatible store supports deleting many files at once
            .with_disable_bulk_delete(true)
            .with_client_options(waits);
        if let Some(endpoint) = &s3.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let (Some(id), Some(secret)) = (&s3.key_id, &s3.secret_key) {
            builder = builder.with_access_key_id(id.reveal()).with_secret_access_key(secret.reveal());
        }
        let store = builder.build().map_err(|error| {
            StartError::new(
                "ATTACHMENTS_URL",
                format!("the bucket {} cannot be used: {error}", s3.bucket),
                "correct the ATTACHMENTS_ settings",
            )
        })?;
        Ok(Self::new(Arc::new(store), None, s3.prefix.clone(), S3_PART))
    }

    fn new(store: Arc<dyn ObjectStore>, folder: Option<Folder>, prefix: String, part: usize) -> Self {
        Self { store, folder, prefix, part, places: Semaphore::new(AT_ONCE), seen: Mutex::default() }
    }

    /// Whether the store can be reached with its settings. Asks it at most every [`ASK_EVERY`], and logs when the result changes.
    pub async fn are_there(&self) -> bool {
        {
            let mut seen = self.seen();
            if let Some((at, are_there)) = *seen
                && at.elapsed() < ASK_EVERY
            {
                return are_there;
            }
            // others go by the last result while this one asks
            let last = seen.is_none_or(|(_, are_there)| are_there);
            *seen = Some((Instant::now(), last));
        }
        let asked = tokio::time::timeout(ASK_WAIT, self.ask()).await;
        let outcome = asked.map_err(|_| "no response in time".to_owned()).and_then(|outcome| outcome.map_err(|error| described(&error)));
        let before = self.seen().replace((Instant::now(), outcome.is_ok())).is_none_or(|(_, are_there)| are_there);
        match &outcome {
            Err(cause) if before => log::error!("the store of attached files is unavailable; check ATTACHMENTS_URL and its keys: {cause}"),
            Ok(()) if !before => log::info!("the store of attached files is available again"),
            _ => {}
        }
        outcome.is_ok()
    }

    /// Looks into the folder, or lists what comes after every file, which needs the bucket and the keys and costs next to nothing.
    async fn ask(&self) -> object_store::Result<()> {
        if let Some(folder) = &self.folder {
            // what is in the folder, so that it must be one and must be open to the program
            return tokio::fs::metadata(folder.at.join("."))
                .await
                .map(drop)
                .map_err(|error| object_store::Error::Generic { store: "folder", source: error.into() });
        }
        let (prefix, end) = (Path::from(self.prefix.as_str()), Path::from(format!("{}/~", self.prefix)));
        let mut rest = self.store.list_with_offset(Some(&prefix), &end);
        rest.try_next().await.map(drop)
    }

    fn seen(&self) -> MutexGuard<'_, Option<(Instant, bool)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new unique key; its first two characters name a folder, so that no folder holds too many files.
    pub fn new_key() -> String {
        let id = Uuid::new_v4().simple().to_string();
        let (folder, rest) = id.split_at(2);
        format!("{folder}/{rest}")
    }

    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}/{key}", self.prefix))
    }

    /// Begins to write a file. Errors: `too_many_requests` when too many are being written, `files_away`.
    pub async fn begin(&self, key: &str) -> Result<Writing<'_>> {
        let place = self.places.try_acquire().map_err(|_| Error::new(common::TOO_MANY_REQUESTS).retry_after(1))?;
        let upload = self.store.put_multipart(&self.path(key)).await.map_err(away)?;
        Ok(Writing { upload: WriteMultipart::new_with_chunk_size(upload, self.part), _place: place })
    }

    /// The content of a file, piece by piece. Errors: `files_away`; `internal` when the file is missing.
    pub async fn read(&self, key: &str) -> Result<impl Stream<Item = Result<Bytes>> + 'static> {
        let found = self.store.get(&self.path(key)).await;
        let found = found.map_err(|error| match error {
            object_store::Error::NotFound { .. } => Error::internal(error),
            error => away(error),
        })?;
        Ok(found.into_stream().map_err(away))
    }

    /// Removes a file, even an unfinished one; a missing file is not an error. Errors: `files_away`.
    pub async fn remove(&self, key: &str) -> Result<()> {
        let path = self.path(key);
        if let Some(folder) = &self.folder {
            // an unfinished file has a temporary name, which a crash leaves behind
            let mut unfinished = folder.store.path_to_filesystem(&path).map_err(Error::internal)?.into_os_string();
            unfinished.push("#1");
            match tokio::fs::remove_file(unfinished).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(away(error)),
                _ => {}
            }
        }
        match self.store.delete(&path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            outcome => outcome.map_err(away),
        }
    }
}

impl Writing<'_> {
    /// Writes the next piece; waits while the previous one is being sent. Errors: `files_away`.
    pub async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.upload.wait_for_capacity(1).await.map_err(away)?;
        self.upload.write(piece);
        Ok(())
    }

    /// Completes the file, so that it appears. Errors: `files_away`.
    pub async fn finish(self) -> Result<()> {
        self.upload.finish().await.map(drop).map_err(away)
    }

    /// Discards the file. If the store cannot do that now, the row of a leftover file makes a job do it later.
    pub async fn abort(self) {
        if let Err(error) = self.upload.abort().await {
            log::warn!("an incomplete file stays in the store for now: {error}");
        }
    }
}

/// What is wrong with the store, in one line.
fn described(error: &object_store::Error) -> String {
    // the response of a store may have several lines
    let cause = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    // a refused list has no variant of its own
    let has = |status: &str| cause.contains(&format!("status code: {status} "));
    if has("404") {
        format!("there is no such bucket: {cause}")
    } else if has("401") || has("403") {
        format!("the key is wrong or may not list the bucket: {cause}")
    } else {
        cause
    }
}

fn away(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(common::FILES_AWAY).retry_after(5).cause(cause)
}

/// Reads the location of the files: a folder, by default in `beside`, or a bucket with its access settings.
pub fn read_settings(from: &mut Reader<'_>, beside: PathBuf) -> FilesAt {
    let endpoint = from.parsed("ATTACHMENTS_S3_ENDPOINT", "a URL, such as https://s3.example.com", |text| web_origin(text).map(Some), None);
    let region = from.parsed("ATTACHMENTS_S3_REGION", "a region, such as us-east-1", region, "us-east-1".to_owned());
    // servers differ in how long their keys are
    let key = |text: &str| (!text.contains(char::is_control)).then(|| Some(Secret::new(text.to_owned())));
    let key_id = from.parsed("ATTACHMENTS_S3_KEY_ID", "a key without control characters", key, None);
    let secret_key = from.parsed("ATTACHMENTS_S3_SECRET_KEY", "a key without control characters", key, None);
    let parse = |text: &str| match text.split_once("://") {
        Some(("file", path)) if !path.is_empty() => Some(FilesAt::Folder(path.into())),
        Some(("s3", place)) => {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            let plain = bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
            let (bucket, prefix) = (bucket.to_owned(), prefix.trim_matches('/').to_owned());
            let (endpoint, region) = (endpoint.clone(), region.clone());
            let s3 = S3 { bucket, prefix, endpoint, region, key_id: key_id.clone(), secret_key: secret_key.clone() };
            (plain && (3..=63).contains(&s3.bucket.len())).then_some(FilesAt::S3(s3))
        }
        _ => None,
    };
    let files_at =
        from.parsed("ATTACHMENTS_URL", "file://path/to/folder or s3://bucket/prefix", parse, FilesAt::Folder(beside.join("attachments")));
    if matches!(files_at, FilesAt::S3(_)) {
        for (name, is_missing) in [("ATTACHMENTS_S3_KEY_ID", key_id.is_none()), ("ATTACHMENTS_S3_SECRET_KEY", secret_key.is_none())] {
            if is_missing {
                from.refuse(name, "the key to the bucket, because ATTACHMENTS_URL is an s3:// URL");
            }
        }
    }
    files_at
}

fn region(text: &str) -> Option<String> {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-').then(|| text.to_owned())
}
