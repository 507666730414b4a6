"""The small real workload of the platform: an API that hands out upload forms, and a consumer that makes thumbnails.

It is what tocsin watches, and knows nothing of tocsin: nothing here imports another room.
"""
