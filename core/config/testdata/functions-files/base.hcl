server {
  public_url = "https://app.example.com"
  file_roots = ["secrets"]
}
store {
  url = file("secrets/url.txt")
}
