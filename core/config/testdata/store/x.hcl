store {
  url = "hunter2-in-the-clear"
}
