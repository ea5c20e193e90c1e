"""Names in what people say after they were introduced, and sentences that begin likewise and name nobody."""

SAID = """
Ramesh Kumar|My name is Ramesh Kumar
ramesh kumar|my name is ramesh kumar and i want a personal loan
Sunita|hello my name is Sunita, calling about my emi
Lakshmi Iyer|yes my full name is Lakshmi Iyer please note it
anita rao|umm my good name is anita rao
Farhan|His name is Farhan. He works in Pune
Meena Devi|her name's Meena Devi and she is the nominee
Suresh Babu|my father's name is Suresh Babu
vikram singh|customer name is vikram singh from jaipur
K. Narayan|My name is K. Narayan
Ramesh Kumar|mera naam Ramesh Kumar hai
ramesh kumar sharma|ji mera naam ramesh kumar sharma hai
sunita|mera naam sunita hai aur main patna se hoon
geeta|mera nam geeta, sham ko call karna
Ravi Teja|mera pura naam Ravi Teja hai sir
harish|haan ji mera naam hai harish
kavita|pati ka naam mohan aur mera naam kavita hai
mohan|pati ka naam mohan aur mera naam kavita hai
deepak|uska naam deepak hai usse baat karo
रमेश कुमार|मेरा नाम रमेश कुमार है
सुनीता|जी मेरा नाम सुनीता है और मैं पटना से हूँ
गीता देवी शर्मा|मेरा पूरा नाम गीता देवी शर्मा है
मोहन|पति का नाम मोहन है
दीपक|उनका नाम दीपक है
हरीश|मेरा नाम है हरीश
Ramesh|This is Ramesh speaking
ramesh|this is ramesh speaking
ramesh kumar|hello this is ramesh kumar calling about the loan
Priya|this is Priya from ABC Finance
Anil Mehta|This is Anil Mehta here
suresh|this is suresh this side
Ramesh Kumar|am I speaking with Mr Ramesh Kumar
ramesh kumar|am i speaking with mr ramesh kumar
ramesh|am i speaking to ramesh
Sunita Devi|Could I speak to Sunita Devi please?
kavita|may i speak with mrs kavita
Anil|I was talking to Anil yesterday
Ramesh Kumar|good evening Mr. Ramesh Kumar, your loan is ready
Priya|Ms. Priya asked for a callback
ramesh|mr ramesh ji se baat ho sakti hai
Ramesh Kumar|I am Ramesh Kumar from Pune
Kavita|hello, I'm Kavita.
Ramesh|myself Ramesh, i need a loan
ramesh|main ramesh bol raha hoon
sunita devi|haan main sunita devi bol rahi hoon patna se
Ramesh Kumar|Main Ramesh Kumar hoon
ramesh|kya main ramesh ji se baat kar raha hoon
anita|kya meri baat anita ji se ho rahi hai
harish|aap harish bol rahe hain na
रमेश कुमार|क्या मैं रमेश कुमार से बात कर रहा हूँ
रमेश|क्या मैं रमेश जी से बात कर रही हूँ
सुनीता|क्या मेरी बात सुनीता जी से हो रही है
मोहन|मैं मोहन बोल रहा हूँ
गीता|नमस्ते, श्रीमती गीता से बात हो सकती है
विजय|श्री विजय ने कॉल किया था
"""
"""``name|sentence`` a line; the sentence holds the name."""

NOBODY = """
this is fine
my name is not important
This is fine, thank you
this is not what i asked for
this is the bank calling
this is customer care speaking
this is your bank calling about the loan
this is an automated call from the bank
this is a recorded call
this is very different from last time
this is still speaking in english
this is where it came from
my name is already in the list
my name is spelled wrong
my name is also on the form
my name is missing in the record
his name is different here
her name is there in the application
the name is missing
the file name is report.csv
campaign name is diwali
agent name is priya-v2
user name is required
customer name is missing for 3 leads
customer name is null
lead name was not given
bank name is HDFC
name is a required field
mera naam list mein nahi hai
mera naam galat likha hai
aapka naam kya hai
aapka naam bata dijiye
aapka naam bataiye
mera naam bhi daal do
mera naam change karna hai
unka naam yaad nahi hai
customer ka naam sahi hai
मेरा नाम गलत लिखा है
आपका नाम क्या है
आपका नाम बताइए
मेरा नाम लिस्ट में नहीं है
मेरा नाम भी लिख लो
उनका नाम याद नहीं है
am i speaking to the customer
may i speak with a manager
can i talk to someone in hindi
can i speak to customer care
agent speaking for 12 s
user speaking, agent waits
talk to you later
talking to the bank took 120 ms
speaking with a slow voice
calling from the queue
I am interested
i am fine, thank you
i am not interested in this loan
I am Fine.
I am at home
I'm busy, call later
i am calling about the emi
I am from Pune
main ghar pe hoon
main bank se bol raha hoon
main sach bol raha hoon
main hindi bol raha hoon
main phir se bol raha hoon
main papa se baat karke batata hoon
main manager se baat karna chahta hoon
aap kaun bol rahe hain
aap kahan se bol rahe hain
kya main aap se baat kar sakta hoon
meri baat manager se ho gayi
मैं ठीक हूँ
मैं बैंक से बोल रहा हूँ
मैं सच बोल रहा हूँ
मैं घर पर हूँ
आप कौन बोल रहे हैं
आप कहाँ से बोल रहे हैं
क्या मैं आप से बात कर सकता हूँ
मैं मैनेजर से बात करना चाहता हूँ
मेरी बात बैंक से हो गई
main road branch is closed
Main Road, Pune
145 ms in the queue
took 12 MS total
missed call from the lead
dr region is ap-south-1
mr 4711 merged into main
"""
