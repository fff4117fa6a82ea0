//! Waits at a doorbell, as a task.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::wait::doorbell::{Doorbell, Key, Sleeper};

/// Is ready when `look` finds something; whoever has news for it rings the bell.
pub(crate) struct WaitFor<'a, L> {
    bell: &'a Doorbell,
    key: Key,
    look: L,
    is_registered: bool,
}

impl<'a, L> WaitFor<'a, L> {
    pub(crate) fn new(bell: &'a Doorbell, key: Key, look: L) -> Self {
        Self { bell, key, look, is_registered: false }
    }
}

impl<R, L: FnMut() -> Option<R> + Unpin> Future for WaitFor<'_, L> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        if let Some(found) = (this.look)() {
            return Poll::Ready(found);
        }
        this.bell.register(this.key, Sleeper::Task(cx.waker().clone()));
        this.is_registered = true;
        (this.look)().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<L> Drop for WaitFor<'_, L> {
    fn drop(&mut self) {
        if self.is_registered {
            self.bell.cancel(self.key);
        }
    }
}
