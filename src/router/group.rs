//! stub
use crate::router::router::Shared;
use crate::sync::Arc;
/// Group.
pub struct GroupBuilder<'r, T>(std::marker::PhantomData<&'r T>);
/// Group.
pub struct Group<T>(T);
impl<'r, T> GroupBuilder<'r, T> {
    pub(crate) fn new(_: &'r Arc<Shared<T>>, _: String) -> Self {
        Self(std::marker::PhantomData)
    }
}
