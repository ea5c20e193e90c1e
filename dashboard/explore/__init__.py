"""The Explore page: questions, answers, saved views."""
