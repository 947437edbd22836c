//! The way out, for a handle that holds the log and for one that only looks: scans, replay, single events.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::body::Events;
use super::entry_reader::EntryReader;
use super::hit::Hit;
use super::index::{Index, TermHasher};
use super::instant::Position;
use super::journal::reader::{JournalReader, OwnedFrame};
use super::layout::Layout;
use super::look::{self, Look};
use super::query::filter::{Contracts, Filter, Wanted};
use super::query::journal_scan::JournalScan;
use super::query::plan::{self, Access, AccessPath, Explanation, Statistics};
use super::query::range::{Order, Range};
use super::query::scan::{ScanWork, TreeScan};
use super::record::{Field, Record};
use super::shared::Shared;
use super::small_file::Format;
use super::trees::manifest::KindCounts;
use super::view::View;
use crate::error::Result;

/// How often a handle that only looks checks for new events while it waits.
const POLL: Duration = Duration::from_millis(20);

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) wanted: Wanted,
    pub(crate) range: Range,
    pub(crate) order: Order,
    pub(crate) limit: Option<usize>,
}

/// The reading side of a log.
#[derive(Debug, Clone)]
pub(crate) enum StoreReader {
    /// Of a log that this process writes.
    Live(Arc<Shared>),
    /// Of a log that another process may write.
    Look(Arc<Look>),
}

impl StoreReader {
    pub(crate) fn layout(&self) -> &Layout {
        match self {
            Self::Live(shared) => &shared.layout,
            Self::Look(look) => &look.layout,
        }
    }

    pub(crate) fn format(&self) -> &Format {
        match self {
            Self::Live(shared) => &shared.format,
            Self::Look(look) => &look.format,
        }
    }

    pub(crate) fn hasher(&self) -> &TermHasher {
        match self {
            Self::Live(shared) => &shared.hasher,
            Self::Look(look) => &look.hasher,
        }
    }

    /// How many events there are to be seen.
    pub(crate) fn head(&self) -> Result<u64> {
        match self {
            Self::Live(shared) => {
                shared.check_open()?;
                Ok(shared.head.get())
            }
            Self::Look(look) => look.head(),
        }
    }

    /// Waits until there are more than `count` events, the log is closed, or the time is over.
    pub(crate) fn wait_beyond(&self, count: u64, timeout: Duration) -> Result<u64> {
        match self {
            Self::Live(shared) => Ok(shared
                .head
                .wait_beyond(count, timeout, || shared.is_closed())),
            Self::Look(look) => {
                let deadline = Instant::now().checked_add(timeout);
                loop {
                    let head = look.head()?;
                    let left = deadline.map_or(POLL, |deadline| {
                        deadline.saturating_duration_since(Instant::now())
                    });
                    if head > count || left.is_zero() {
                        return Ok(head);
                    }
                    thread::sleep(left.min(POLL));
                }
            }
        }
    }

    pub(crate) fn scan(&self, request: Request) -> Result<Scan> {
        // The head before the view: what the head counts, the view then has.
        let head = self.head()?;
        let filter = Arc::new(Filter::new(request.wanted, head, self.hasher()));
        let mut scan = Scan {
            reader: self.clone(),
            filter,
            range: request.range,
            order: request.order,
            left: request.limit,
            state: State::Done,
            current: None,
            entries: None,
            work: ScanWork::default(),
        };
        scan.start()?;
        Ok(scan)
    }

    pub(crate) fn explain(&self, request: Request) -> Result<Explanation> {
        let filter = Arc::new(Filter::new(request.wanted, self.head()?, self.hasher()));
        let mut explanation = Explanation {
            access: AccessPath::Journal,
            tenant: filter.tenant().map(str::to_owned),
            checks: Explanation::checks_of(&filter),
            order: request.order,
            limit: request.limit,
            blocks: 0,
            in_memory: 0,
        };
        if let Self::Live(shared) = self {
            let view = shared.view();
            explanation.in_memory = view.memtables().map(|memtable| memtable.size().0).sum();
            if let Some(trees) = view.trees() {
                let Request {
                    range,
                    order,
                    limit,
                    ..
                } = request;
                let access = plan_for(&view, &filter, range, limit, &shared.hasher);
                let scan = TreeScan::new(&view, trees, &filter, range, order, &access, Some(0));
                match scan {
                    Ok(scan) => {
                        explanation.blocks = scan.count_blocks();
                        explanation.access = AccessPath::of(&access);
                    }
                    Err(error) => {
                        shared.report_trees(trees, &error);
                    }
                }
            }
        }
        Ok(explanation)
    }

    /// Events in sequence order, from `from` on.
    pub(crate) fn replay(&self, from: u64) -> Result<Replay> {
        if let Self::Live(shared) = self {
            shared.check_open()?;
        }
        Ok(Replay {
            reader: self.clone(),
            journal: None,
            pending: None,
            next: from,
        })
    }

    pub(crate) fn find_event(&self, tenant: Option<&str>, event_id: &str) -> Result<Option<Hit>> {
        match self {
            Self::Live(shared) => {
                shared.check_open()?;
                shared.find_event(tenant, event_id)
            }
            Self::Look(look) => look::latest(
                &look.layout.journal(),
                look.format.log_id,
                look.head()?,
                |record| record.event_id() == event_id && record.field(Field::Tenant) == tenant,
            ),
        }
    }

    /// The frame that holds event `sequence`.
    pub(crate) fn frame_of(&self, sequence: u64) -> Result<Option<OwnedFrame>> {
        let head = self.head()?;
        if sequence >= head {
            return Ok(None);
        }
        JournalReader::seek(&self.layout().journal(), self.format().log_id, sequence)?
            .next_before(head)
    }

    /// The event that was recorded last under the trace link's id, by one of these contracts.
    pub(crate) fn latest_trace_link(
        &self,
        trace_link: &str,
        contracts: &Contracts,
    ) -> Result<Option<Hit>> {
        let matches = |record: &Record| {
            record.field(Field::TraceLink) == Some(trace_link) && contracts.include(record)
        };
        match self {
            Self::Live(shared) => {
                shared.check_open()?;
                let hash = shared.hasher.text(trace_link);
                shared.find_latest(Index::TraceLinks, hash, matches)
            }
            Self::Look(look) => look::latest(
                &look.layout.journal(),
                look.format.log_id,
                look.head()?,
                matches,
            ),
        }
    }
}

fn plan_for(
    view: &View,
    filter: &Filter,
    range: Range,
    limit: Option<usize>,
    hasher: &TermHasher,
) -> Access {
    let none = KindCounts::default();
    let statistics = match view.trees() {
        Some(trees) => Statistics {
            blocks: u64::from(trees.directory.next_number()),
            kinds: &trees.kinds,
        },
        None => Statistics {
            blocks: 0,
            kinds: &none,
        },
    };
    plan::plan(filter, range, limit, hasher, statistics)
}

/// A scan that survives the loss of the trees: the journal takes over behind the last event given.
#[derive(Debug)]
pub(crate) struct Scan {
    reader: StoreReader,
    filter: Arc<Filter>,
    range: Range,
    order: Order,
    left: Option<usize>,
    state: State,
    /// The event given last, which is large: it lies here for who only looks at it.
    current: Option<Hit>,
    /// Made when the first event is in the journal only.
    entries: Option<EntryReader>,
    work: ScanWork,
}

#[derive(Debug)]
enum State {
    Trees(Box<TreeScan>),
    Journal(Box<JournalScan>),
    Done,
}

impl Scan {
    fn start(&mut self) -> Result<()> {
        if let StoreReader::Live(shared) = &self.reader {
            let view = shared.view();
            if let Some(trees) = view.trees() {
                let access = plan_for(&view, &self.filter, self.range, self.left, &shared.hasher);
                let scan = TreeScan::new(
                    &view,
                    trees,
                    &self.filter,
                    self.range,
                    self.order,
                    &access,
                    self.left,
                );
                match scan {
                    Ok(scan) => {
                        self.state = State::Trees(Box::new(scan));
                        return Ok(());
                    }
                    Err(error) => {
                        shared.report_trees(trees, &error);
                    }
                }
            }
        }
        self.start_on_journal()
    }

    fn start_on_journal(&mut self) -> Result<()> {
        let scan = JournalScan::new(
            &self.reader.layout().journal(),
            self.reader.format().log_id,
            &self.filter,
            self.range,
            self.order,
            self.left,
        )?;
        let read = scan.work();
        self.work.commits_read += read.commits_read;
        self.work.bytes_read += read.bytes_read;
        self.work.events_checked += read.events_checked;
        self.state = State::Journal(Box::new(scan));
        Ok(())
    }

    /// The next event, with its payload.
    pub(crate) fn next(&mut self) -> Result<Option<Hit>> {
        self.advance()?;
        Ok(self.current.take())
    }

    /// The same, for who does not keep it.
    pub(crate) fn look_at_next(&mut self) -> Result<Option<&Hit>> {
        self.advance()?;
        Ok(self.current.as_ref())
    }

    /// Puts the next event into `current`.
    fn advance(&mut self) -> Result<()> {
        self.current = None;
        if self.left == Some(0) {
            return Ok(());
        }
        let found = self.find_next();
        match &self.current {
            Some(hit) if found.is_ok() => {
                self.range = self.range.after(hit.position, self.order);
                self.left = self.left.map(|left| left - 1);
            }
            _ => {
                self.current = None;
                self.state = State::Done;
            }
        }
        found
    }

    fn find_next(&mut self) -> Result<()> {
        if let State::Trees(scan) = &mut self.state {
            let found = scan.next_into(&mut self.current);
            self.work = scan.work();
            match found {
                Ok(()) => return self.fetch_payload(),
                Err(error) => {
                    if let StoreReader::Live(shared) = &self.reader {
                        shared.report_trees(scan.trees(), &error);
                    }
                    self.start_on_journal()?;
                }
            }
        }
        if let State::Journal(scan) = &mut self.state {
            self.current = scan.next()?;
            self.work.given += u64::from(self.current.is_some());
        }
        Ok(())
    }

    /// Reads the event in `current` again where the trees have it without its payload.
    fn fetch_payload(&mut self) -> Result<()> {
        if let Some(hit) = &mut self.current
            && let Some(place) = hit.elsewhere
        {
            let entries = self.entries.get_or_insert_with(|| {
                EntryReader::new(&self.reader.layout().journal(), self.reader.format().log_id)
            });
            *hit = Hit::from(entries.entry(place, hit.position.sequence)?);
        }
        Ok(())
    }

    /// About how many events are still to come, for who collects them.
    pub(crate) fn estimate(&self) -> usize {
        let known = match &self.state {
            State::Trees(scan) => scan.estimate(),
            State::Journal(scan) => Some(scan.left()),
            State::Done => Some(0),
        };
        match (known, self.left) {
            (Some(known), Some(left)) => known.min(left),
            (one, other) => one.or(other).unwrap_or(0),
        }
    }

    /// What was done so far.
    pub(crate) fn work(&self) -> ScanWork {
        self.work
    }
}

/// Reads events in sequence order. At the end, it can be asked again later.
#[derive(Debug)]
pub(crate) struct Replay {
    reader: StoreReader,
    journal: Option<JournalReader>,
    pending: Option<Events>,
    next: u64,
}

impl Replay {
    /// The sequence number that comes next.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// Waits until there may be more to read, for at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Result<()> {
        match &self.reader {
            StoreReader::Live(_) => {
                self.reader.wait_beyond(self.next, timeout)?;
            }
            // The next look at the journal tells; it costs less than finding the journal's end anew.
            StoreReader::Look(_) => thread::sleep(timeout.min(POLL)),
        }
        Ok(())
    }

    /// The next event, or `None` if there is none yet.
    pub(crate) fn next(&mut self) -> Result<Option<Hit>> {
        loop {
            if let Some(hit) = self.pending.as_mut().and_then(Iterator::next) {
                let hit = hit?;
                let Position { sequence, .. } = hit.position;
                if sequence < self.next {
                    continue;
                }
                self.next = sequence + 1;
                return Ok(Some(hit));
            }
            if !self.read_frame()? {
                return Ok(None);
            }
        }
    }

    fn open_journal(&self) -> Result<JournalReader> {
        let known = match &self.reader {
            StoreReader::Live(_) => 0,
            StoreReader::Look(look) => look.known(),
        };
        let (folder, log_id) = (self.reader.layout().journal(), self.reader.format().log_id);
        Ok(JournalReader::seek(&folder, log_id, self.next)?.known_to_hold(known))
    }

    fn read_frame(&mut self) -> Result<bool> {
        let limit = match &self.reader {
            StoreReader::Live(shared) => Some(shared.head.get()),
            StoreReader::Look(_) => None,
        };
        if limit.is_some_and(|limit| self.next >= limit) {
            // A closed log still gives what it had.
            if let StoreReader::Live(shared) = &self.reader {
                shared.check_open()?;
            }
            return Ok(false);
        }
        let journal = if let Some(journal) = &mut self.journal {
            journal
        } else {
            let opened = self.open_journal()?;
            self.journal.insert(opened)
        };
        let frame = match limit {
            Some(limit) => journal.next_before(limit)?,
            None => journal.next()?.ok(),
        };
        let Some(frame) = frame else { return Ok(false) };
        self.pending = Some(Events::of(&frame));
        Ok(true)
    }
}
