//! One offline HTML file a person looks at.
