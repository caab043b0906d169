//! Pages of messages, in the order of ids.

use super::records::ListedMessage;
use super::statements::of_size;
use super::{MessageRecord, MessageStore};
use crate::messaging::domain::ClientId;
use crate::storage::sql::{Arg, Result, padded};

/// Maximum number of pages that are read with one query.
pub const MAX_PAGES: usize = 16;

/// Maximum number of bytes of the messages on a page.
const PAGE_BYTES: i64 = 1024 * 1024;

/// Bytes of a message beside its ciphertext and its type.
const MEMBERS_BYTES: i64 = 200;

/// A page that a client asks for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// The client, whose id is in the case of the table.
    pub client: ClientId,
    /// The messages are those with greater ids.
    pub after: i64,
    /// Maximum number of messages.
    pub limit: i64,
}

/// A page whose large ciphertexts were not read yet: see [`MessageStore::complete`].
pub struct MessagePage(Vec<ListedMessage>);

impl MessageStore {
    /// Returns the messages of a page, by ascending id: of 1 MiB at most, or a larger one alone.
    pub async fn page(&self, request: PageRequest) -> Result<Vec<MessageRecord>> {
        match self.pages(&[request]).await?.pop() {
            Some(page) => self.complete(page).await,
            None => Ok(Vec::new()),
        }
    }

    /// Reads the pages of up to [`MAX_PAGES`] requests with one query, in the order of the requests.
    pub async fn pages(&self, requests: &[PageRequest]) -> Result<Vec<MessagePage>> {
        let Some(last) = requests.last() else { return Ok(Vec::new()) };
        // Padding asks for no messages.
        let padding = PageRequest { limit: 0, ..last.clone() };
        let padded = padded(requests.iter(), &padding).enumerate();
        let args: Vec<Arg<'_>> = padded.flat_map(|(number, request)| request.args(number)).collect();
        let size = requests.len().next_power_of_two();
        let rows = self.database.rows(of_size(&self.pages, size), &args).await?;
        let mut pages: Vec<Vec<ListedMessage>> = requests.iter().map(|_| Vec::new()).collect();
        for (number, listed) in ListedMessage::read_all(self.engine(), &rows)? {
            if let Some(page) = pages.get_mut(number) {
                page.push(listed);
            }
        }
        Ok(pages.into_iter().map(cut).collect())
    }

    /// Reads the large ciphertexts of a page. A message that was deleted meanwhile is left out.
    pub async fn complete(&self, mut page: MessagePage) -> Result<Vec<MessageRecord>> {
        let missing = page.0.iter().filter(|listed| listed.ciphertext.is_none());
        let ids: Vec<Arg<'_>> = missing.map(|listed| listed.record.id.into()).collect();
        if !ids.is_empty() {
            let rows = self.database.rows(&self.statements.repeated("ciphertexts", ids.len()), &ids).await?;
            for row in &rows {
                let id = row.int(0)?;
                if let Some(listed) = page.0.iter_mut().find(|listed| listed.record.id == id) {
                    listed.ciphertext = Some(row.text(1)?);
                }
            }
        }
        Ok(page.0.into_iter().filter_map(ListedMessage::complete).collect())
    }
}

impl PageRequest {
    fn args(&self, number: usize) -> [Arg<'_>; 5] {
        let small = PAGE_BYTES / self.limit.max(1);
        [number.into(), small.into(), self.client.as_str().into(), self.after.into(), self.limit.into()]
    }
}

/// The first messages by id that together have at most [`PAGE_BYTES`], or the first one alone.
fn cut(mut page: Vec<ListedMessage>) -> MessagePage {
    page.sort_unstable_by_key(|listed| listed.record.id);
    let mut total = 0;
    let fits = |listed: &ListedMessage| {
        total += listed.bytes + MEMBERS_BYTES;
        total <= PAGE_BYTES
    };
    let fitting = page.iter().map(fits).take_while(|fits| *fits).count();
    page.truncate(fitting.max(1));
    MessagePage(page)
}
