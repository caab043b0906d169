//! SQLite files, read and written as the `sqlite3` shell does, without the shell.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteValueRef};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, ValueRef};

/// What the shell prints for `statements`: a line per row, columns separated by `|`, nothing for NULL.
pub fn run(file: &Path, statements: &str) -> String {
    let (file, statements) = (file.to_owned(), statements.to_owned());
    let task = std::thread::spawn(move || {
        on_this_thread(async {
            let mut connection = open(&file).await;
            let rows = fetch(&mut connection, &statements).await;
            connection.close().await.unwrap();
            rows
        })
    });
    task.join().expect("the statements are valid").iter().map(|row| line(row) + "\n").collect()
}

/// A connection that holds locks until it is dropped.
pub struct HeldFile {
    release: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HeldFile {
    /// Executes `statements` on a connection that stays open.
    pub fn after(file: &Path, statements: &str) -> Self {
        let (file, statements) = (file.to_owned(), statements.to_owned());
        let ((release, released), (tell_held, held)) = (channel::<()>(), channel());
        let thread = std::thread::spawn(move || {
            on_this_thread(async {
                let mut connection = open(&file).await;
                fetch(&mut connection, &statements).await;
                tell_held.send(()).unwrap();
                // An error means that the other end is dropped.
                _ = released.recv();
                connection.close().await.unwrap();
            });
        });
        held.recv().expect("the statements are valid");
        Self { release: Some(release), thread: Some(thread) }
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    options.foreign_keys(false).busy_timeout(Duration::from_secs(5)).connect().await.unwrap()
}

async fn fetch(connection: &mut SqliteConnection, statements: &str) -> Vec<SqliteRow> {
    let rows = sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).fetch_all(connection).await;
    rows.unwrap_or_else(|error| panic!("{statements}: {error}"))
}

fn line(row: &SqliteRow) -> String {
    let columns = (0..row.len()).map(|place| text(row.try_get_raw(place).unwrap()));
    columns.collect::<Vec<_>>().join("|")
}

fn text(value: SqliteValueRef<'_>) -> String {
    use sqlx::decode::Decode;
    if value.is_null() {
        return String::new();
    }
    let kind = value.type_info().to_string();
    match kind.as_str() {
        "INTEGER" => <i64 as Decode<sqlx::Sqlite>>::decode(value).unwrap().to_string(),
        "REAL" => format!("{:?}", <f64 as Decode<sqlx::Sqlite>>::decode(value).unwrap()),
        _ => String::from_utf8_lossy(<&[u8] as Decode<sqlx::Sqlite>>::decode(value).unwrap()).into_owned(),
    }
}
