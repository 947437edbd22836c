//! The file of the ids' filters, beside sled in the folder of one generation: it tells that an event is new before sled is
//! open, so that the first appends need not wait for that.
//!
//! # Format, version 1
//!
//! ```text
//! ids:    records, one behind the other
//! record: version u16 = 1 | reserved u16 | CRC32C u32, of the log's id and what follows | lines u32 |
//!         count u64 | chain hash 32 | segment u64 | offset u64 | lines × 64 bytes
//! ```
//!
//! The lines are a [Bloom filter](super::filter) of event ids. With it and the filters before it, the file tells of every
//! event before the record's point of the journal, which is `count` and the rest.
//!
//! The invariant: a record is on stable storage before the trees hold what it tells of. So the file may tell of more than
//! the trees hold, never of less. What goes further than the trees is cut off before the next record. A file that does not
//! reach them, or is damaged, is made anew from the filters of their runs, which are few; so is one that has grown by a
//! quarter since, as each flush adds a filter to ask.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::super::bytes::{Put, Reader};
use super::super::index::{ID_FILTER_BITS, TermHash};
use super::super::journal::reader::Mark;
use super::super::journal::segment;
use super::engine::TreeError;
use super::filter::{BloomFilter, LINE, Probe};

/// The file's name, and that of one that is being made.
const NAME: &str = "ids";
const NEW_NAME: &str = "ids.new";
const VERSION: u16 = 1;
/// Bytes of a record before its lines.
const HEAD: usize = 68;
/// Bytes of a record that its checksum does not cover.
const UNCHECKED: usize = 8;
/// Bytes read at a time; larger filters at once.
const READ_AHEAD: usize = 16 << 10;
/// A file of no more records than this is as good as new.
const FEW: usize = 32;
/// One of more than this is made anew in any case: flushes may be small.
const MANY: usize = 1024;
/// A file with more of them is made anew once it has grown by this part.
const WORN: u64 = 4;

/// What the file tells, as far as it is whole.
#[derive(Debug, Default)]
pub(crate) struct KnownIds {
    filters: Vec<BloomFilter>,
    /// The point up to which each filter tells, with those before it.
    marks: Vec<Mark>,
}

impl KnownIds {
    /// Reads the file in `folder`, up to the first record that is not whole, for a log of so many events. Without a file,
    /// nothing is known; `None` with one that is of a larger log.
    pub(crate) fn read(folder: &Path, log_id: &[u8; 16], events: u64) -> Option<Self> {
        let mut known = Self::default();
        let Ok(file) = File::open(folder.join(NAME)) else {
            return Some(known);
        };
        let fits = read_records(&file, log_id, events, |mark, filter, _| {
            known.marks.push(mark);
            known.filters.push(filter);
        });
        fits.then_some(known)
    }

    /// The point of the journal behind `count` events, if the file tells of everything before it.
    pub(crate) fn mark_at(&self, count: u64) -> Option<Mark> {
        if count == 0 {
            return Some(Mark::START);
        }
        self.marks.iter().find(|mark| mark.count == count).copied()
    }

    /// How many events the file tells of. The journal had as many.
    pub(crate) fn count(&self) -> u64 {
        self.marks.iter().map(|mark| mark.count).max().unwrap_or(0)
    }

    /// Tells of further events, by a filter of their ids.
    pub(crate) fn add(&mut self, filter: BloomFilter) {
        self.filters.push(filter);
    }

    /// Which of some ids an event may have: a bit for each of the first 64.
    pub(crate) fn may_hold(&self, ids: &[TermHash]) -> u64 {
        let probes: Vec<_> = ids.iter().map(|id| Probe::new(*id)).collect();
        let filters = self.filters.iter();
        filters.fold(0, |held, filter| held | filter.may_contain_any(&probes))
    }
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct IdFile {
    file: File,
    log_id: [u8; 16],
    records: usize,
    /// Bytes of it, and those it was made with.
    length: u64,
    made: u64,
}

impl IdFile {
    /// Opens the file of trees that hold what is before `applied`, if it tells of all of that.
    pub(super) fn open(folder: &Path, log_id: [u8; 16], applied: &Mark) -> Option<Self> {
        let path = folder.join(NAME);
        let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
        let (mut records, mut made, mut told) = (0, 0, None);
        read_records(&file, &log_id, applied.count, |mark, _, end| {
            records += 1;
            // It was made up to the first point that it tells of.
            if made == 0 && mark.count > 0 {
                made = end;
            }
            if mark == *applied {
                told = Some((records, end));
            }
        });
        let (records, length) = told?;
        file.set_len(length).ok()?;
        Some(Self {
            file,
            log_id,
            records,
            length,
            made,
        })
    }

    /// Makes the file of trees that hold what is before `applied`, out of the filters of their ids.
    pub(super) fn make<'a>(
        folder: &Path,
        log_id: [u8; 16],
        applied: &Mark,
        filters: impl Iterator<Item = &'a BloomFilter>,
    ) -> Result<Self, TreeError> {
        let path = folder.join(NEW_NAME);
        let mut made = Self {
            file: File::create(&path).map_err(failed)?,
            log_id,
            records: 0,
            length: 0,
            made: 0,
        };
        for filter in filters {
            made.write(Some(filter), &Mark::START)?;
        }
        if *applied != Mark::START {
            made.write(None, applied)?;
        }
        made.made = made.length;
        made.file.sync_data().map_err(failed)?;
        fs::rename(path, folder.join(NAME)).map_err(failed)?;
        segment::sync_folder(folder).map_err(TreeError::new)?;
        Ok(made)
    }

    /// Whether it has so many more filters than the trees have runs that it should be made anew.
    pub(super) fn is_worn(&self) -> bool {
        let grown = self.length.saturating_sub(self.made);
        self.records > MANY || self.records > FEW && grown > self.made / WORN
    }

    /// Has the file tell, by this filter and those before, of every event before `mark`.
    pub(super) fn append(
        &mut self,
        filter: Option<&BloomFilter>,
        mark: &Mark,
    ) -> Result<(), TreeError> {
        self.write(filter, mark)?;
        self.file.sync_data().map_err(failed)
    }

    /// Writes a record over what an attempt that failed has left.
    fn write(&mut self, filter: Option<&BloomFilter>, mark: &Mark) -> Result<(), TreeError> {
        let record = encode(&self.log_id, filter, mark);
        let mut write = || {
            self.file.seek(SeekFrom::Start(self.length))?;
            self.file.write_all(&record)
        };
        write().map_err(failed)?;
        self.length += record.len() as u64;
        self.records += 1;
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> TreeError {
    TreeError::new(format_args!("the file of ids: {error}"))
}

/// A record's bytes.
pub(crate) fn encode(log_id: &[u8; 16], filter: Option<&BloomFilter>, mark: &Mark) -> Vec<u8> {
    let lines = filter.map_or(0, BloomFilter::lines);
    let mut record = Vec::with_capacity(HEAD + lines as usize * LINE);
    record.put_u16(VERSION);
    record.put_u16(0);
    record.put_u32(0);
    record.put_u32(lines);
    mark.encode(&mut record);
    if let Some(filter) = filter {
        record.extend(filter.bytes());
    }
    let crc = checksum(log_id, record.get(UNCHECKED..).unwrap_or_default());
    if let Some(place) = record.get_mut(UNCHECKED - size_of::<u32>()..UNCHECKED) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
    record
}

fn checksum(log_id: &[u8; 16], bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(log_id), bytes)
}

/// Gives each record, and where it ends, up to the first that is not whole or cannot be read, or announces a larger filter
/// than so many events need. False if one does.
fn read_records(
    file: impl Read,
    log_id: &[u8; 16],
    events: u64,
    mut each: impl FnMut(Mark, BloomFilter, u64),
) -> bool {
    let most = BloomFilter::lines_for(events, ID_FILTER_BITS);
    let mut file = BufReader::with_capacity(READ_AHEAD, file);
    let mut record = Vec::new();
    let mut end = 0;
    let mut read = |record: &mut Vec<u8>, bytes: u64| {
        let read = file.by_ref().take(bytes).read_to_end(record);
        read.is_ok()
    };
    loop {
        record.clear();
        let head = read(&mut record, HEAD as u64);
        let Some(lines) = announced_lines(&record).filter(|_| head) else {
            return true;
        };
        if lines > most {
            return false;
        }
        let rest = read(&mut record, u64::from(lines) * LINE as u64);
        let Some((mark, filter)) = decode(log_id, &record).filter(|_| rest) else {
            return true;
        };
        end += record.len() as u64;
        each(mark, filter, end);
    }
}

/// How many lines a record announces, if it is of this version.
fn announced_lines(head: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(head);
    let (version, reserved) = (reader.u16().ok()?, reader.u16().ok()?);
    reader.u32().ok()?;
    let lines = reader.u32().ok()?;
    ((version, reserved) == (VERSION, 0)).then_some(lines)
}

/// What a record tells, if it is whole.
pub(crate) fn decode(log_id: &[u8; 16], record: &[u8]) -> Option<(Mark, BloomFilter)> {
    let (head, checked) = record.split_at_checked(UNCHECKED)?;
    let crc = Reader::new(head.get(UNCHECKED - size_of::<u32>()..)?).u32();
    if crc != Ok(checksum(log_id, checked)) {
        return None;
    }
    let mut reader = Reader::new(checked);
    let lines = reader.u32().ok()?;
    let mark = Mark::decode(&mut reader).ok()?;
    let filter = BloomFilter::decode(&mut reader, lines).ok()?;
    (reader.left() == 0).then_some((mark, filter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::index::TermHasher;
    use std::fs;

    const LOG: [u8; 16] = [7; 16];

    fn mark(count: u64) -> Mark {
        Mark {
            count,
            hash: [3; 32],
            ..Mark::START
        }
    }

    fn hash(number: u64) -> TermHash {
        TermHasher::new(LOG).event_id(None, &number.to_string())
    }

    fn filter(ids: std::ops::Range<u64>) -> BloomFilter {
        let mut filter = BloomFilter::with_room(ids.end - ids.start, 20);
        ids.for_each(|id| filter.insert(hash(id)));
        filter
    }

    fn known(folder: &Path) -> KnownIds {
        KnownIds::read(folder, &LOG, 10_000).unwrap()
    }

    fn open(folder: &Path, applied: u64, of_runs: &[BloomFilter]) -> IdFile {
        let applied = if applied == 0 {
            Mark::START
        } else {
            mark(applied)
        };
        IdFile::open(folder, LOG, &applied)
            .unwrap_or_else(|| IdFile::make(folder, LOG, &applied, of_runs.iter()).unwrap())
    }

    #[test]
    fn what_was_appended_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(known(path).marks.is_empty());
        let mut file = open(path, 0, &[]);
        file.append(Some(&filter(0..100)), &mark(100)).unwrap();
        file.append(Some(&filter(100..130)), &mark(130)).unwrap();

        let known = known(path);
        assert_eq!(known.mark_at(0), Some(Mark::START));
        assert_eq!(known.mark_at(100), Some(mark(100)));
        assert_eq!(known.mark_at(130), Some(mark(130)));
        assert_eq!(known.mark_at(99), None);
        assert_eq!(known.count(), 130);
        assert!((0..130).all(|id| known.may_hold(&[hash(id)]) == 1));
        let ids = [hash(1_000), hash(5), hash(2_000), hash(129)];
        assert_eq!(known.may_hold(&ids), 0b1010);
        let of_another = KnownIds::read(path, &[8; 16], 10_000);
        assert!(of_another.unwrap().marks.is_empty());
        assert!(KnownIds::read(path, &LOG, 20).is_none());
    }

    #[test]
    fn what_goes_further_than_the_trees_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut file = open(path, 0, &[]);
        file.append(Some(&filter(0..100)), &mark(100)).unwrap();
        file.append(Some(&filter(100..130)), &mark(130)).unwrap();
        let mut file = open(path, 100, &[]);
        file.append(Some(&filter(100..150)), &mark(150)).unwrap();
        let known = known(path);
        assert_eq!(known.marks, [mark(100), mark(150)]);
        assert_eq!(known.may_hold(&[hash(149)]), 1);
    }

    #[test]
    fn a_file_that_does_not_reach_the_trees_is_made_anew() {
        for file in [None, Some(0), Some(100), Some(4_000)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path();
            open(path, 0, &[])
                .append(Some(&filter(0..1_000)), &mark(1_000))
                .unwrap();
            let whole = fs::read(path.join(NAME)).unwrap();
            assert!(whole.len() > 2_000);
            match file {
                // Flipped in the middle, or cut, or not there.
                Some(4_000) => {
                    let mut flipped = whole.clone();
                    flipped[1_000] ^= 1;
                    fs::write(path.join(NAME), flipped).unwrap();
                }
                Some(length) => fs::write(path.join(NAME), &whole[..length]).unwrap(),
                None => fs::remove_file(path.join(NAME)).unwrap(),
            }
            assert_eq!(known(path).mark_at(1_000), None);
            let of_runs = [filter(0..600), filter(600..1_000)];
            let mut anew = open(path, 1_000, &of_runs);
            anew.append(Some(&filter(1_000..1_010)), &mark(1_010))
                .unwrap();
            let known = known(path);
            assert_eq!(known.mark_at(1_000), Some(mark(1_000)));
            assert_eq!(known.mark_at(1_010), Some(mark(1_010)));
            assert!((0..1_010).all(|id| known.may_hold(&[hash(id)]) == 1));
        }
    }

    #[test]
    fn a_file_of_many_small_filters_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut file = open(path, 0, &[]);
        let mut most = 0;
        for flush in 0..1_000 {
            if file.is_worn() {
                let of_runs = [filter(0..flush)];
                file = IdFile::make(path, LOG, &mark(flush), of_runs.iter()).unwrap();
                // Opened again, it is as good as new, too.
                assert!(!open(path, flush, &[]).is_worn());
            }
            file.append(Some(&filter(flush..flush + 1)), &mark(flush + 1))
                .unwrap();
            most = most.max(file.records);
        }
        assert!((FEW..2 * FEW).contains(&most), "{most} filters");
        let known = known(path);
        assert_eq!(known.mark_at(1_000), Some(mark(1_000)));
        assert!((0..1_000).all(|id| known.may_hold(&[hash(id)]) == 1));
        assert!(!path.join(NEW_NAME).exists());
    }

    #[test]
    fn a_record_that_is_not_whole_tells_nothing() {
        let record = encode(&LOG, Some(&filter(0..3)), &mark(3));
        assert_eq!(decode(&LOG, &record), Some((mark(3), filter(0..3))));
        let told = |bytes: &[u8]| {
            let mut records = 0;
            read_records(bytes, &LOG, 100, |_, _, _| records += 1);
            records
        };
        assert_eq!(told(&[&record[..], &record].concat()), 2);
        let larger = encode(&LOG, Some(&filter(0..500)), &mark(500));
        assert_eq!(told(&[&record[..], &larger].concat()), 1);
        for place in 0..record.len() {
            let mut flipped = record.clone();
            flipped[place] ^= 16;
            assert_eq!(told(&flipped), 0, "byte {place}");
            assert_eq!(told(&record[..place]), 0, "{place} bytes");
        }
    }
}
