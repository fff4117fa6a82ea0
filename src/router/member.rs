//! A member of a group, as its thread sees it.

use std::sync::Arc as StdArc;

use crate::bus::core::Core;
use crate::router::key::Key;
use crate::router::membership::{Duty, MayEnd, Membership, Seat};
use crate::router::meter::Lap;
use crate::router::record::Record;
use crate::router::report::Fate;
use crate::router::work::{Handler, Turn, Unread, Work, deliver};
use crate::sync::Arc;

pub(crate) struct Member<T, K, H> {
    pub(crate) core: Arc<Core<T>>,
    pub(crate) membership: Arc<Membership<T>>,
    pub(crate) seat: Arc<Seat>,
    /// What it knows of the membership.
    pub(crate) epoch: u64,
    /// What it has to handle: its own, and what others have left to it. Empty once it is dead.
    pub(crate) duties: Vec<Duty<T>>,
    pub(crate) key: Arc<K>,
    pub(crate) handler: H,
    pub(crate) unflushed: bool,
    pub(crate) record: StdArc<Record>,
}

impl<T, K, H> Member<T, K, H>
where
    T: Send + Sync + 'static,
    K: Key<T>,
    H: Handler<T>,
{
    #[cold]
    fn learn(&mut self) {
        let Some(own) = self.duties.first_mut() else { return };
        let news = self.membership.learn(&self.seat, &mut own.share);
        self.epoch = news.epoch;
        self.duties.extend(news.inheritance);
    }

    /// A step of its own duty.
    #[inline(always)]
    fn turn_own(&mut self, most: usize, lap: &mut Lap<'_>) -> Turn {
        let Self { membership, seat, epoch, duties, key, handler, unflushed, record, .. } = self;
        let Some(Duty { subscriber, share, until }) = duties.first_mut() else {
            return Turn::Nothing;
        };
        let left = until.map_or(u64::MAX, |until| until.saturating_sub(subscriber.position()));
        if left == 0 {
            return Turn::Over(Fate::Removed);
        }
        let mut batch = match subscriber.try_read(most.min(left as usize)) {
            Ok(batch) => batch,
            Err(error) => return error.into(),
        };
        let first = batch.first_sequence();
        if !membership.claim(seat, first + batch.len() as u64, *epoch) {
            batch.consume(0);
            drop(batch);
            self.learn();
            return Turn::Worked;
        }
        let mut walk = share.walk_from(first);
        let mut mine = |sequence, message: &T| walk.owns(sequence, key.hash(message, sequence));
        deliver(batch, |n, m| mine(n, m).then_some(m), handler, unflushed, record, lap)
    }

    /// A step of the last thing that was left to it; takes it off the list once that is done.
    #[cold]
    fn turn_inherited(&mut self, most: usize, lap: &mut Lap<'_>) -> Turn {
        let Self { duties, key, handler, unflushed, record, .. } = self;
        let Some(Duty { subscriber, share, until }) = duties.last_mut() else {
            return Turn::Nothing;
        };
        let left = until.map_or(0, |until| until.saturating_sub(subscriber.position()));
        if left == 0 {
            duties.pop();
            self.membership.settle(&self.seat);
            return Turn::Worked;
        }
        match subscriber.try_read(most.min(left as usize)) {
            Ok(batch) => {
                let mut walk = share.walk_from(batch.first_sequence());
                let mut mine =
                    |sequence, message: &T| walk.owns(sequence, key.hash(message, sequence));
                deliver(batch, |n, m| mine(n, m).then_some(m), handler, unflushed, record, lap)
            }
            Err(error) => error.into(),
        }
    }
}

impl<T, K, H> Work for Member<T, K, H>
where
    T: Send + Sync + 'static,
    K: Key<T>,
    H: Handler<T>,
{
    fn turn(&mut self, most: usize, lap: &mut Lap<'_>) -> Turn {
        if self.membership.has_news(self.epoch) {
            self.learn();
        }
        if self.duties.len() > 1 {
            return self.turn_inherited(most, lap);
        }
        let turn = self.turn_own(most, lap);
        let Turn::Over(_) = turn else { return turn };
        match self.may_end(self.position()) {
            MayEnd::Yes => turn,
            MayEnd::Later => Turn::Nothing,
            MayEnd::NotYet => Turn::Worked,
        }
    }

    fn position(&self) -> u64 {
        self.duties.iter().map(|duty| duty.subscriber.position()).min().unwrap_or(0)
    }

    fn may_end(&mut self, to: u64) -> MayEnd {
        let may_end = self.membership.depart(&self.seat, to);
        if may_end == MayEnd::Yes {
            // Others may wait for it to be through.
            self.core.arrivals.ring();
        }
        may_end
    }

    fn unread(&mut self, until: Option<u64>) -> Unread {
        self.duties.extend(self.membership.vanish(&self.seat));
        let own = self.duties.first().map_or(0, |own| match until {
            Some(until) if own.until.is_none() => until.saturating_sub(own.subscriber.position()),
            _ => own.left(),
        });
        let inherited = self.duties.iter().skip(1).map(Duty::left).sum::<u64>();
        // Members are lossless.
        Unread { left: own + inherited, dropped: 0 }
    }

    fn leave(&mut self) -> bool {
        if let Some(own) = self.duties.first_mut()
            && own.until.is_none()
        {
            let head = self.core.ring.sequencer.head();
            own.until = Some(self.membership.leave(&self.seat, head));
        }
        false
    }

    fn abandon(&mut self) -> bool {
        let head = self.core.ring.sequencer.head();
        let duties = std::mem::take(&mut self.duties);
        self.duties = self.membership.bequeath(&self.seat, head, duties);
        // The heir may sleep.
        self.core.arrivals.ring();
        self.duties.is_empty()
    }
}

impl<T, K, H> Drop for Member<T, K, H> {
    fn drop(&mut self) {
        drop(self.membership.vanish(&self.seat));
        self.core.arrivals.ring();
    }
}
