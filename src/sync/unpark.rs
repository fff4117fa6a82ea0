//! Loom's threads, unparked from [`park`] alone.

use std::cell::OnceCell;

use crate::sync::{AtomicBool, Ordering};

/// A thread that can be unparked. Loom's own `unpark` wakes a thread from whatever it waits for, also a
/// lock, which it then believes to have; this one wakes it from [`park`] alone.
#[derive(Clone)]
pub(crate) struct Thread {
    inner: loom::thread::Thread,
    token: std::sync::Arc<Token>,
}

/// What `unpark` leaves for `park`.
struct Token {
    is_there: AtomicBool,
    /// Whether the thread is in loom's `park` at this moment; not part of the model.
    is_parked: std::sync::atomic::AtomicBool,
}

impl Token {
    fn new() -> std::sync::Arc<Self> {
        let is_parked = std::sync::atomic::AtomicBool::new(false);
        std::sync::Arc::new(Self { is_there: AtomicBool::new(false), is_parked })
    }
}

loom::thread_local!(static TOKEN: OnceCell<std::sync::Arc<Token>> = OnceCell::new());

fn own_token() -> std::sync::Arc<Token> {
    TOKEN.with(|token| std::sync::Arc::clone(token.get_or_init(Token::new)))
}

pub(crate) fn current() -> Thread {
    Thread { inner: loom::thread::current(), token: own_token() }
}

impl Thread {
    pub(crate) fn unpark(&self) {
        self.token.is_there.swap(true, Ordering::AcqRel);
        if self.token.is_parked.swap(false, Ordering::Relaxed) {
            self.inner.unpark();
        }
    }
}

pub(crate) fn park() {
    let token = own_token();
    // Loom switches threads before an operation of the model, so not between this swap and the parking.
    if !token.is_there.swap(false, Ordering::AcqRel) {
        token.is_parked.store(true, Ordering::Relaxed);
        loom::thread::park();
        token.is_parked.store(false, Ordering::Relaxed);
        token.is_there.swap(false, Ordering::AcqRel);
    }
}

/// Loom's builder, for threads that can be unparked.
pub(crate) struct ThreadBuilder(loom::thread::Builder);

impl ThreadBuilder {
    pub(crate) fn new() -> Self {
        Self(loom::thread::Builder::new())
    }

    pub(crate) fn name(self, name: String) -> Self {
        Self(self.0.name(name))
    }

    pub(crate) fn spawn<R: Send + 'static>(
        self,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> std::io::Result<JoinHandle<R>> {
        let token = Token::new();
        let own = std::sync::Arc::clone(&token);
        let inner = self.0.spawn(move || {
            TOKEN.with(|token| token.set(own)).unwrap_or_else(|_| unreachable!("a new thread"));
            f()
        })?;
        let thread = Thread { inner: inner.thread().clone(), token };
        Ok(JoinHandle { inner, thread })
    }
}

pub(crate) struct JoinHandle<R> {
    inner: loom::thread::JoinHandle<R>,
    thread: Thread,
}

impl<R> JoinHandle<R> {
    pub(crate) fn join(self) -> std::thread::Result<R> {
        self.inner.join()
    }

    pub(crate) fn thread(&self) -> &Thread {
        &self.thread
    }
}
